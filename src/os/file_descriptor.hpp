// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Owning file descriptors, and the small kernel objects that are nothing but one: pipes, event counters.
// All are close-on-exec from birth, and none is ever 0, 1 or 2, even where the host has closed those.

#include <span>
#include <utility>

namespace plait::os {

// Owns one descriptor, or none. Not thread-safe.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~FileDescriptor() { reset(); }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  // -1: none.
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  // Closes what it has. errno is left as it was.
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

// The same object under a number above 2, so that whoever reopens the standard streams does not hit it.
// Throws std::system_error (EMFILE).
FileDescriptor above_standard_streams(FileDescriptor fd);

// Another descriptor of the same open file. Throws std::system_error (EMFILE).
FileDescriptor duplicate(int fd);

struct Pipe {
  FileDescriptor reader;
  FileDescriptor writer;
};
// Throws std::system_error (EMFILE, ENFILE).
Pipe make_pipe();

// Writes one byte. The caller keeps a reader open, or is sent SIGPIPE when there is none.
void write_byte(int fd) noexcept;
// Waits for one byte; false: all writers are gone.
bool read_byte(int fd) noexcept;
// The same for a few bytes, at most PIPE_BUF, which come all or not at all.
void write_bytes(int pipe, std::span<const std::byte> bytes) noexcept;
bool read_bytes(int pipe, std::span<std::byte> bytes) noexcept;

// A counter that is readable while it is not zero (eventfd). Throws std::system_error.
FileDescriptor make_event();
void raise_event(int fd) noexcept;
void clear_event(int fd) noexcept;
// Sleeps until it is raised, and clears it.
void wait_for_event(int fd) noexcept;

// False, with errno: it is not open.
bool set_close_on_exec(int fd, bool close_on_exec) noexcept;

// Closes every descriptor of this process but the standard three and those in `keep`. For a process that has just
// been made: whoever else holds one of those numbers is in for a surprise.
void close_all_but(std::span<const int> keep) noexcept;

// Standard input and output become /dev/null. Safe in signal handlers.
void leave_standard_streams() noexcept;

// Standard input becomes /dev/null, and so do standard output and error where they are closed, lest another file gets
// their number. Throws std::system_error.
void detach_standard_input();

}  // namespace plait::os
