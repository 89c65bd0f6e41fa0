// SPDX-License-Identifier: Apache-2.0
#include "os/file_bytes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "os/error.hpp"
#include "os/shared_file.hpp"

namespace plait::os {
namespace {

// The kernel moves no more at once than this (MAX_RW_COUNT).
constexpr std::size_t most_at_once = std::size_t{1} << 30;

void wait_for(int fd, short events) noexcept {
  pollfd polled{fd, events, 0};
  retry_interrupted([&]() noexcept { return poll(&polled, 1, -1); });
}

// Keeps the SIGPIPE of a write to a pipe from the thread, unless one was there before.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() noexcept {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t waiting;
    sigpending(&waiting);
    was_waiting_ = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() {
    const timespec now{};
    if (!was_waiting_) retry_interrupted([&]() noexcept { return sigtimedwait(&pipe_, nullptr, &now); });
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_waiting_ = false;
};

ssize_t write_some(int fd, std::span<iovec> parts) noexcept {
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  const ssize_t sent = sendmsg(fd, &header, MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  const NoBrokenPipeSignal quiet;
  return writev(fd, parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

int write_all(int fd, std::span<const std::byte> first, std::span<const std::byte> second) noexcept {
  while (!first.empty() || !second.empty()) {
    std::array<iovec, 2> parts;
    std::size_t count = 0;
    for (const auto part : {first, second}) {
      if (part.empty()) continue;
      parts[count++] = {const_cast<std::byte*>(part.data()), std::min(part.size(), most_at_once)};
      if (part.size() > most_at_once) break;
    }
    const ssize_t written = write_some(fd, std::span(parts).first(count));
    if (written < 0) {
      if (errno == EAGAIN) wait_for(fd, POLLOUT);
      if (errno != EAGAIN && errno != EINTR) return errno;
      continue;
    }
    const auto done = static_cast<std::size_t>(written);
    const std::size_t of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
  }
  return 0;
}

ReadResult read_all(int fd, std::span<std::byte> bytes) noexcept {
  ReadResult result;
  while (result.size < bytes.size()) {
    const auto rest = bytes.subspan(result.size);
    const ssize_t got = ::read(fd, rest.data(), std::min(rest.size(), most_at_once));
    if (got == 0) break;
    if (got > 0) {
      result.size += static_cast<std::size_t>(got);
    } else if (errno == EAGAIN) {
      wait_for(fd, POLLIN);
    } else if (errno != EINTR) {
      result.error = errno;
      break;
    }
  }
  return result;
}

FileDescriptor make_message_file(std::size_t size, bool reserve) {
  FileDescriptor file(create_shared_file("plait-message", size, true));
  if (reserve && !reserve_pages(file.get(), 0, size)) throw_system_error("fallocate", "a message");
  return file;
}

void seal_message_file(int fd) noexcept { fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK); }

bool is_message_file(int fd, std::size_t size) noexcept {
  const int seals = fcntl(fd, F_GET_SEALS);
  struct stat status {};
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &status) == 0 &&
         static_cast<std::size_t>(status.st_size) >= size;
}

void* map_message_file(int fd, std::size_t size, bool to_read) noexcept {
  const int protection = to_read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const mapped = mmap(nullptr, size, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace plait::os
