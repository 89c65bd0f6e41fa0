// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Bytes in shared memory behind a handle, and the lock that goes with them: what values and arrays are.

#include <cstddef>
#include <optional>

#include "plait/detail/export.hpp"
#include "plait/detail/shared_handle.hpp"
#include "plait/multiprocessing/synchronize/lock.hpp"

namespace plait::detail {

// At most one lock.
struct LockOfMemory {
  const SharedLockHandle* lock = nullptr;
};

class PLAIT_EXPORT SharedMemoryHandle : public SharedHandle {
 protected:
  // Zeros, aligned to 64 bytes. The lock travels with it from now on. Throws OutOfSharedMemory.
  SharedMemoryHandle(std::size_t size, LockOfMemory lock);
  // Throws DecodeError: it has not that size, or, if it is to have a lock, no lock.
  SharedMemoryHandle(ArrivedHandle arrived, std::optional<std::size_t> size, bool has_lock);

  // Throw RuntimeError: the handle was inherited by fork().
  [[nodiscard]] std::byte* data() const;
  [[nodiscard]] std::size_t size_in_bytes() const;
  // One more handle of it.
  [[nodiscard]] static SharedLockHandle lock_of(const SharedMemoryHandle& memory);
};

}  // namespace plait::detail
