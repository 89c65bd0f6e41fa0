// SPDX-License-Identifier: Apache-2.0
#include "os/named_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "os/error.hpp"
#include "os/shared_file.hpp"

namespace plait::os {
namespace {

constexpr const char folder[] = "/dev/shm";

std::string path_of(const std::string& name) { return std::string(folder) + "/" + name; }

std::string shown(const std::string& name) { return "/" + name; }

// What it would take to find out by trying is memory that others need, and a signal.
void check_room(int fd, std::size_t size, const std::string& object) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) {
    throw_system_error(EFBIG, "ftruncate", object + "; see ulimit -f");
  }
  struct statvfs status {};
  const bool limited = fstatvfs(fd, &status) == 0 && status.f_blocks != 0;
  if (limited && size / status.f_frsize > status.f_bavail) throw_system_error(ENOSPC, "fallocate", object);
}

FileIdentity identity_of(const struct stat& status) noexcept { return {status.st_dev, status.st_ino}; }

}  // namespace

void check_memory_name(const char* call, const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    throw_system_error(EINVAL, call, shown(name));
  }
  if (name.size() > longest_memory_name) throw_system_error(ENAMETOOLONG, call, shown(name));
}

FileDescriptor make_memory(std::size_t size) {
  const std::string object = std::to_string(size) + " bytes in " + folder;
  FileDescriptor file(retry_interrupted([] { return ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }));
  if (!file) throw_system_error("open", std::string(folder) + ", O_TMPFILE");
  file = above_standard_streams(std::move(file));
  check_room(file.get(), size, object);
  if (fchmod(file.get(), 0600) < 0) throw_system_error("fchmod", object);
  if (retry_interrupted([&] { return ftruncate(file.get(), static_cast<off_t>(size)); }) < 0) {
    throw_system_error("ftruncate", object);
  }
  if (!reserve_pages(file.get(), 0, size)) throw_system_error("fallocate", object);
  return file;
}

void name_memory(int fd, const std::string& name) {
  check_memory_name("shm_open", name);
  const std::string from = "/proc/self/fd/" + std::to_string(fd);
  if (linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path_of(name).c_str(), AT_SYMLINK_FOLLOW) < 0) {
    throw_system_error("shm_open", shown(name));
  }
}

FileDescriptor open_memory(const std::string& name) {
  check_memory_name("shm_open", name);
  const std::string path = path_of(name);
  FileDescriptor file(
      retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); }));
  if (!file) throw_system_error("shm_open", shown(name));
  return above_standard_streams(std::move(file));
}

void unlink_memory(const std::string& name) {
  check_memory_name("shm_unlink", name);
  if (::unlink(path_of(name).c_str()) < 0) throw_system_error("shm_unlink", shown(name));
}

int unlink_memory_of(const char* name, FileIdentity file) noexcept {
  char path[sizeof folder + longest_memory_name + 1];
  const std::size_t length = strnlen(name, longest_memory_name);
  std::memcpy(path, folder, sizeof folder - 1);
  path[sizeof folder - 1] = '/';
  std::memcpy(path + sizeof folder, name, length);
  path[sizeof folder + length] = '\0';
  struct stat status {};
  if (std::memchr(name, '/', length) != nullptr) return EINVAL;
  if (lstat(path, &status) < 0) return errno;
  if (identity_of(status) != file) return ENOENT;
  return ::unlink(path) < 0 ? errno : 0;
}

MemoryStatus status_of_memory(int fd, const std::string& name) {
  struct stat status {};
  if (fstat(fd, &status) < 0) throw_system_error("fstat", shown(name));
  if (!S_ISREG(status.st_mode)) throw_system_error(EINVAL, "shm_open", shown(name) + ", which is no shared memory");
  return {identity_of(status), static_cast<std::size_t>(status.st_size)};
}

void* map_memory(int fd, std::size_t size, const std::string& name) {
  void* const mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) throw_system_error("mmap", shown(name) + ", " + std::to_string(size) + " bytes");
  return mapped;
}

bool replace_mapping(int fd, void* address, std::size_t size) noexcept {
  return mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == address;
}

}  // namespace plait::os
