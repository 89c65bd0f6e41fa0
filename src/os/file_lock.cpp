// SPDX-License-Identifier: Apache-2.0
#include "os/file_lock.hpp"

#include <fcntl.h>

#include <string>
#include <utility>

#include "os/error.hpp"

namespace plait::os {
namespace {

struct flock one_byte(int type, std::uint64_t byte) noexcept {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

}  // namespace

FileDescriptor open_again(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  FileDescriptor own(retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CLOEXEC); }));
  if (!own) throw_system_error("open", path);
  return above_standard_streams(std::move(own));
}

void lock_shared(int fd, std::uint64_t byte) {
  struct flock lock = one_byte(F_RDLCK, byte);
  if (retry_interrupted([&] { return fcntl(fd, F_OFD_SETLK, &lock); }) < 0) {
    throw_system_error("fcntl", "F_OFD_SETLK of the shared heap");
  }
}

bool is_locked_elsewhere(int fd, std::uint64_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool try_lock(int fd, std::uint64_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool wait_for_lock(int fd, std::uint64_t byte) noexcept {
  struct flock lock = one_byte(F_WRLCK, byte);
  return retry_interrupted([&]() noexcept { return fcntl(fd, F_OFD_SETLKW, &lock); }) == 0;
}

}  // namespace plait::os
