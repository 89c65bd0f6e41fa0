// SPDX-License-Identifier: Apache-2.0
#include "os/shared_file.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"

namespace plait::os {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), what);
}

}  // namespace

int create_shared_file(const char* name, std::size_t size, bool sealable) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) {
    fail(EFBIG, "a shared memory of " + std::to_string(size) + " bytes is above the limit on file sizes (ulimit -f)");
  }
  // Not in place of a standard stream that the host has closed: children put /dev/null there.
  const unsigned flags = MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0U);
  FileDescriptor file = above_standard_streams(FileDescriptor(memfd_create(name, flags)));
  if (!file) fail(errno, "memfd_create");
  if (retry_interrupted([&] { return ftruncate(file.get(), static_cast<off_t>(size)); }) < 0) {
    fail(errno, "ftruncate of a memfd to " + std::to_string(size) + " bytes");
  }
  return file.release();
}

void* map_shared_file(int fd, std::size_t size, void* address) noexcept {
  const int flags = MAP_SHARED | MAP_NORESERVE | (address != nullptr ? MAP_FIXED_NOREPLACE : 0);
  void* const mapped = mmap(address, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (address != nullptr && mapped != address) {  // a kernel before 4.17 takes the address for a hint
    munmap(mapped, size);
    errno = EEXIST;
    return nullptr;
  }
  madvise(mapped, size, MADV_DONTDUMP);
  return mapped;
}

bool reserve_pages(int fd, std::uint64_t offset, std::uint64_t size) noexcept {
  // In steps, because a signal makes the kernel undo the step: a profiler's timer must not undo 4 GiB for ever.
  constexpr std::uint64_t step = std::uint64_t{4} << 20;
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t length = std::min(step, size - done);
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset + done), static_cast<off_t>(length)) == 0) {
      done += length;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void release_pages(int fd, std::uint64_t offset, std::uint64_t size) noexcept {
  int result = 0;
  do {
    result =
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size));
  } while (result < 0 && errno == EINTR);
}

std::uint64_t reserved_bytes(int fd) noexcept {
  struct stat status {};
  return fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

void* map_wiped_on_fork(std::size_t size) {
  void* const mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) fail(errno, "mmap of " + std::to_string(size) + " bytes");
  if (madvise(mapped, size, MADV_WIPEONFORK) != 0) {
    const int error = errno;
    munmap(mapped, size);
    fail(error, "madvise(MADV_WIPEONFORK)");
  }
  return mapped;
}

void unmap(void* address, std::size_t size) noexcept { munmap(address, size); }

void close_shared_file(int fd) noexcept { ::close(fd); }

}  // namespace plait::os
