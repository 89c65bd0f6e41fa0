// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <new>

#include "shm/heap.hpp"

namespace plait::detail {

Message::Message(std::size_t size) : size_(size), inline_{} {
  if (size <= inline_capacity) return;
  if (size <= slot_capacity) {
    memory_ = ::operator new(size);
    place_ = Place::own_memory;
  } else {
    memory_ = shm::Heap::get().allocate(size);
    place_ = Place::shared;
  }
}

void Message::free_memory() noexcept {
  if (place_ == Place::shared) return shm::Heap::get().deallocate(memory_);
  ::operator delete(memory_);
}

std::string RemoteTask::describe() const {
  return wire::describe_callable(name_, code_) + " (task " + std::to_string(number) + ")";
}

}  // namespace plait::detail
