// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/shared_memory_handle.hpp"

#include <cstring>
#include <optional>

#include "multiprocessing/shared_access.hpp"
#include "plait/errors.hpp"

namespace plait::detail {
namespace {

using shm::SharedMemoryObject;

shm::Hold& make(std::size_t size, const SharedLockHandle* lock) {
  std::optional<ReferredObject> its_lock;
  if (lock != nullptr) its_lock.emplace(*lock);
  shm::Hold& hold = make_shared_object<SharedMemoryObject>(size, size, its_lock ? its_lock->offset() : 0);
  std::memset(shared_object<SharedMemoryObject>(hold).data(), 0, size);
  return hold;
}

}  // namespace

SharedMemoryHandle::SharedMemoryHandle(std::size_t size, LockOfMemory lock) : SharedHandle(make(size, lock.lock)) {}

SharedMemoryHandle::SharedMemoryHandle(ArrivedHandle arrived, std::optional<std::size_t> size, bool has_lock)
    : SharedHandle(shm::Hold::arrive(arrived.word, SharedMemoryObject::its_kind)) {
  const auto& memory = shared_object<SharedMemoryObject>(hold());
  if ((size && memory.size != *size) || (has_lock && memory.lock == 0)) {
    throw DecodeError("plait: this handle is of a shared value or array of another type");
  }
}

std::byte* SharedMemoryHandle::data() const { return shared_object<SharedMemoryObject>(hold()).data(); }
std::size_t SharedMemoryHandle::size_in_bytes() const { return shared_object<SharedMemoryObject>(hold()).size; }

SharedLockHandle SharedMemoryHandle::lock_of(const SharedMemoryHandle& memory) {
  return SharedLockHandle(hold_again(shared_object<SharedMemoryObject>(memory.hold()).lock));
}

}  // namespace plait::detail
