// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Memory with a name: the files in /dev/shm that shm_open(3) knows, and Python's SharedMemory. Names are without a
// slash.
//
// A file is made whole before it gets its name (O_TMPFILE, then linkat), so nobody ever sees one without its size or
// its pages, and a process that is killed on the way leaves nothing.

#include <cstddef>
#include <cstdint>
#include <string>

#include "os/file_descriptor.hpp"

namespace plait::os {

// Which file: two that exist at the same time are different in it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

inline constexpr std::size_t longest_memory_name = 255;

// Throws std::system_error as shm_open does: EINVAL (empty, "." and "..", or with a slash in it), ENAMETOOLONG.
void check_memory_name(const char* call, const std::string& name);

// A file of `size` zero bytes (not 0) that has no name, readable and writable by this user only, whatever the umask.
// All its pages are there: touching them raises no SIGBUS. Throws std::system_error naming the call: ENOSPC, ENOMEM
// (no room), EFBIG (RLIMIT_FSIZE, without SIGXFSZ), ENOENT, EROFS, EOPNOTSUPP (of /dev/shm), EMFILE.
FileDescriptor make_memory(std::size_t size);
// Gives it a name. Throws std::system_error: EEXIST, and as check_memory_name.
void name_memory(int fd, const std::string& name);
// Opens one for reading and writing. Throws std::system_error: ENOENT, EACCES, …, and as check_memory_name.
FileDescriptor open_memory(const std::string& name);
// The name goes; who has it open or mapped keeps it. Throws std::system_error: ENOENT, …, and as check_memory_name.
void unlink_memory(const std::string& name);
// The same if the name is that of this file. Safe in signal handlers. Returns 0, or the error: ENOENT also for another
// file.
int unlink_memory_of(const char* name, FileIdentity file) noexcept;

struct MemoryStatus {
  FileIdentity identity;
  std::size_t size;
};
// Throws std::system_error: EINVAL, if it is not a regular file.
MemoryStatus status_of_memory(int fd, const std::string& name);

// Maps all of it. Throws std::system_error (ENOMEM, …).
void* map_memory(int fd, std::size_t size, const std::string& name);

// Maps the file there instead of what was mapped there before. Safe in signal handlers.
[[nodiscard]] bool replace_mapping(int fd, void* address, std::size_t size) noexcept;

}  // namespace plait::os
