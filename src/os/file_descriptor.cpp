// SPDX-License-Identifier: Apache-2.0
#include "os/file_descriptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "os/error.hpp"

namespace plait::os {

void FileDescriptor::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int error = errno;
  ::close(old);  // not retried: Linux has closed it, whatever close returns
  errno = error;
}

FileDescriptor above_standard_streams(FileDescriptor fd) {
  if (fd.get() > STDERR_FILENO || !fd) return fd;
  return duplicate(fd.get());
}

FileDescriptor duplicate(int fd) {
  FileDescriptor other(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!other) throw_system_error("fcntl", "F_DUPFD_CLOEXEC");
  return other;
}

Pipe make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw_system_error("pipe2");
  Pipe pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  return {above_standard_streams(std::move(pipe.reader)), above_standard_streams(std::move(pipe.writer))};
}

void write_byte(int fd) noexcept { write_bytes(fd, std::array{std::byte{1}}); }

bool read_byte(int fd) noexcept {
  std::array<std::byte, 1> byte;
  return read_bytes(fd, byte);
}

void write_bytes(int pipe, std::span<const std::byte> bytes) noexcept {
  retry_interrupted([&]() noexcept { return ::write(pipe, bytes.data(), bytes.size()); });
}

bool read_bytes(int pipe, std::span<std::byte> bytes) noexcept {
  const auto read = retry_interrupted([&]() noexcept { return ::read(pipe, bytes.data(), bytes.size()); });
  return read == static_cast<ssize_t>(bytes.size());
}

FileDescriptor make_event() {
  FileDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) throw_system_error("eventfd");
  return above_standard_streams(std::move(event));
}

void raise_event(int fd) noexcept {
  const std::uint64_t one = 1;
  // EAGAIN means that it stands at its maximum: raised already
  retry_interrupted([&]() noexcept { return ::write(fd, &one, sizeof one); });
}

void clear_event(int fd) noexcept {
  std::uint64_t count = 0;
  retry_interrupted([&]() noexcept { return ::read(fd, &count, sizeof count); });
}

void wait_for_event(int fd) noexcept {
  pollfd event{.fd = fd, .events = POLLIN, .revents = 0};
  retry_interrupted([&]() noexcept { return ::poll(&event, 1, -1); });
  clear_event(fd);
}

bool set_close_on_exec(int fd, bool close_on_exec) noexcept {
  return fcntl(fd, F_SETFD, close_on_exec ? FD_CLOEXEC : 0) == 0;
}

void close_all_but(std::span<const int> keep) noexcept {
  int first = STDERR_FILENO + 1;
  while (first >= 0) {
    int next = -1;  // the least descriptor to keep from `first` on
    for (const int fd : keep) {
      if (fd >= first && (next < 0 || fd < next)) next = fd;
    }
    if (next < 0) {
      close_range(static_cast<unsigned>(first), std::numeric_limits<unsigned>::max(), 0);
      return;
    }
    if (next > first) close_range(static_cast<unsigned>(first), static_cast<unsigned>(next - 1), 0);
    first = next + 1;
  }
}

void leave_standard_streams() noexcept {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO}) dup2(null, stream);
  if (null > STDERR_FILENO) ::close(null);
}

void detach_standard_input() {
  FileDescriptor null = above_standard_streams(FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  if (!null) throw_system_error("open", "/dev/null");
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const bool closed = fcntl(stream, F_GETFD) < 0;
    if ((stream == STDIN_FILENO || closed) && dup2(null.get(), stream) < 0) throw_system_error("dup2", "/dev/null");
  }
}

}  // namespace plait::os
