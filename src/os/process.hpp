// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Making processes, and leaving them. Policy (who supervises whom, what a child may keep) is src/process's.

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>

#include "os/file_descriptor.hpp"

namespace plait::os {

// The C library's fork, without the flushing of os::fork. Throws std::system_error (EAGAIN, ENOMEM).
pid_t fork_process();
// The same; -1 and errno instead of the exception.
pid_t try_fork() noexcept;
// The same without handlers (pthread_atfork), so that it is safe in a signal handler; and so is all that the child may
// do.
pid_t try_bare_fork() noexcept;

// Out of the terminal's reach, and of those who signal the process group.
void start_session() noexcept;

// For a child of ours that was not reaped: kills it; waits until it has ended.
void kill_child(pid_t pid) noexcept;
void reap_child(pid_t pid) noexcept;

// How a process ended, for messages: "was killed by signal 9 (SIGKILL)"; without a signal "exited with code 99"; if it
// is not `known` "ended, its exit status is not known".
std::string describe_end(bool known, int signal, int exit_code);

// False: it is not there, or not for us.
bool change_directory(const char* path) noexcept;

// Leaves at once: no destructors, no atexit, no flush.
[[noreturn]] void exit_now(int code) noexcept;

// Runs `step(context)` in a copy of this process that nobody notices: wait(-1) of the host's other threads does not see
// it, no SIGCHLD is sent. Processes that `step` makes are adopted by init, so they are not the host's children either.
// `step` may do only what is safe in a signal handler, and fork. Returns what it returned, 0 to 255.
// Throws std::system_error (EAGAIN, ENOMEM), or RuntimeError if the copy was killed.
int run_unnoticed(int (*step)(void* context), void* context);

// Starting this program once more, with its standard streams, the descriptors in `inherited` and nothing else, all
// signals unblocked and at their defaults (but ignored ones), and `variable` (NAME=VALUE) added to the environment.
// Prepared first, since run() may do only what is safe in a signal handler.
class FreshImage {
 public:
  // `arguments` must outlive this. Throws std::system_error, std::bad_alloc.
  FreshImage(char* const* arguments, std::span<const int> inherited, std::string variable);
  FreshImage(const FreshImage&) = delete;
  FreshImage& operator=(const FreshImage&) = delete;
  ~FreshImage();

  // Starts it as a child of the caller; 0, or the error (ENOMEM, EAGAIN, ENOENT: /proc is not there).
  int run(pid_t& pid) noexcept;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

// Readable while a child has ended that was not reaped. SIGCHLD must be blocked. Throws std::system_error.
FileDescriptor make_child_signal();
void clear_child_signal(int fd) noexcept;

}  // namespace plait::os
