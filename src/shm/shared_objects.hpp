// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The shared objects: each a head and what is its own.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/barrier.hpp"
#include "shm/byte_queue.hpp"
#include "shm/owner_lock.hpp"
#include "shm/semaphore.hpp"
#include "shm/shared_object.hpp"
#include "shm/waiter_table.hpp"

namespace plait::shm {

struct SharedLock final : SharedObject {
  explicit SharedLock(ObjectKind of_kind) noexcept : SharedObject(of_kind) {}
  [[nodiscard]] bool is_recursive() const noexcept { return kind == ObjectKind::rlock; }

  OwnerLock lock;
  // Of a recursive one. relaxed: a thread finds itself here only if it wrote itself
  std::atomic<std::uint64_t> thread{0};
  std::uint64_t depth = 0;  // guarded by the lock
};

struct SharedSemaphore final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::semaphore;
  SharedSemaphore(std::uint32_t value, std::uint32_t most_permits) noexcept
      : SharedObject(its_kind), bound(most_permits), permits(value) {}

  const std::uint32_t bound;
  PermitWord permits;
};

struct SharedEvent final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::event;
  SharedEvent() noexcept : SharedObject(its_kind) {}

  EventWord event;
};

// One reference more, of who refers to the object by its offset; 0: to none.
inline Offset with_reference(Offset object) noexcept {
  if (object != 0) add_reference(*static_cast<SharedObject*>(Heap::get().at(object)));
  return object;
}

// Its lock is an object of its own, of which it takes a reference.
struct SharedCondition final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::condition;
  explicit SharedCondition(Offset its_lock) noexcept : SharedObject(its_kind), lock(with_reference(its_lock)) {}

  const Offset lock;
  WaiterTable waiters;
};

struct SharedBarrier final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::barrier;
  SharedBarrier(int parties, std::int64_t default_timeout) noexcept
      : SharedObject(its_kind), timeout(default_timeout), state(parties) {}

  const std::int64_t timeout;  // ns; less than 0: none
  Offset action = 0;           // the encoded function, a block of its own
  std::size_t action_size = 0;
  BarrierState state;
};

// Memory for whoever has a handle: values and arrays. The bytes follow the head. A lock that belongs to it is an object
// of its own, of which this takes a reference.
struct SharedMemoryObject final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::memory;
  SharedMemoryObject(std::size_t bytes, Offset its_lock) noexcept
      : SharedObject(its_kind), lock(with_reference(its_lock)), size(bytes) {}

  const Offset lock;  // 0: none
  const std::size_t size;
  [[nodiscard]] std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};

struct SharedQueue final : SharedObject {
  static constexpr ObjectKind its_kind = ObjectKind::queue;
  // maxsize <= 0: without bound.
  SharedQueue(std::int64_t bound, bool of_tasks)
      : SharedObject(its_kind),
        maxsize(bound),
        queue(static_cast<std::uint64_t>(std::max<std::int64_t>(bound, 0)), of_tasks) {}

  const std::int64_t maxsize;  // as it was given
  ByteQueue queue;
};

}  // namespace plait::shm
