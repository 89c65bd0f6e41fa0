// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Locks that belong to an open file, not to a process (F_OFD_SETLK): fork and inheritance share the open file and so
// the lock, and the kernel lets it go when the last descriptor *and the last mapping* of that open file are gone, in
// whatever way their processes went. So a lock on an open file that a family of processes shares is a sign of life of
// the family.
//
// A lock covers one byte, which need not exist. Of two open files of one file, each respects the locks of the other.

#include <cstdint>

#include "os/file_descriptor.hpp"

namespace plait::os {

// Another open file of what `fd` is open on, for reading and writing. Throws std::system_error (EMFILE; ENOENT: /proc
// is not there).
FileDescriptor open_again(int fd);

// The open file has a shared lock from now on. Throws std::system_error: EAGAIN (somebody has it exclusively), ENOLCK.
void lock_shared(int fd, std::uint64_t byte);

// Whether any other open file has a lock there.
[[nodiscard]] bool is_locked_elsewhere(int fd, std::uint64_t byte) noexcept;

// Exclusively: false if somebody else has a lock there; or sleeps until nobody has. Safe in signal handlers.
[[nodiscard]] bool try_lock(int fd, std::uint64_t byte) noexcept;
[[nodiscard]] bool wait_for_lock(int fd, std::uint64_t byte) noexcept;  // false: the system refuses

}  // namespace plait::os
