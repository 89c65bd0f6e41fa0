// SPDX-License-Identifier: Apache-2.0
#include "shm/object_kinds.hpp"

#include "shm/shared_objects.hpp"

namespace plait::shm {

void recover_object(SharedObject& object, OwnerId dead) noexcept {
  switch (object.kind) {
    case ObjectKind::lock:
    case ObjectKind::rlock:
      static_cast<SharedLock&>(object).lock.recover(
          dead, true, [&object] { static_cast<SharedLock&>(object).thread.store(0, std::memory_order_relaxed); });
      break;
    case ObjectKind::semaphore:
      static_cast<SharedSemaphore&>(object).permits.recover();
      break;
    case ObjectKind::event:
      static_cast<SharedEvent&>(object).event.recover();
      break;
    case ObjectKind::condition:
      static_cast<SharedCondition&>(object).waiters.recover(dead, true);
      break;
    case ObjectKind::barrier:
      static_cast<SharedBarrier&>(object).state.recover(dead);
      break;
    case ObjectKind::queue:
      static_cast<SharedQueue&>(object).queue.recover(dead);
      break;
    case ObjectKind::memory:
    case ObjectKind::none:
      break;
  }
}

bool is_involved(SharedObject& object, OwnerId process) noexcept {
  switch (object.kind) {
    case ObjectKind::lock:
    case ObjectKind::rlock:
      return static_cast<const SharedLock&>(object).lock.owner() == process;
    case ObjectKind::queue:
      return static_cast<SharedQueue&>(object).queue.is_involved(process);
    default:
      return false;
  }
}

void hand_over_object(SharedObject& object, OwnerId self) noexcept {
  if (object.kind == ObjectKind::queue) static_cast<SharedQueue&>(object).queue.hand_over_tasks(self);
}

void clear_object(SharedObject& object) noexcept {
  Heap& heap = Heap::get();
  switch (object.kind) {
    case ObjectKind::condition: {
      auto& condition = static_cast<SharedCondition&>(object);
      condition.waiters.clear();
      drop_reference(*static_cast<SharedObject*>(heap.at(condition.lock)));
      break;
    }
    case ObjectKind::barrier: {
      auto& barrier = static_cast<SharedBarrier&>(object);
      barrier.state.clear();
      if (barrier.action != 0) heap.deallocate(heap.at(barrier.action));
      break;
    }
    case ObjectKind::queue:
      static_cast<SharedQueue&>(object).queue.clear();
      break;
    case ObjectKind::memory:
      if (const Offset lock = static_cast<SharedMemoryObject&>(object).lock; lock != 0) {
        drop_reference(*static_cast<SharedObject*>(heap.at(lock)));
      }
      break;
    case ObjectKind::lock:
    case ObjectKind::rlock:
    case ObjectKind::semaphore:
    case ObjectKind::event:
    case ObjectKind::none:
      break;
  }
}

}  // namespace plait::shm
