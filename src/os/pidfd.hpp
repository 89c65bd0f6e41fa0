// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Processes by descriptor: it never means another process that got the same pid, and is readable once its has died.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "os/file_descriptor.hpp"

namespace plait::os {

// How a process ended: by a signal, or with a code.
struct Ending {
  int signal = 0;  // 0: it exited with `code`
  int code = 0;
};

// Throws std::system_error: ESRCH when there is no such process, EMFILE, ENFILE.
FileDescriptor open_pidfd(pid_t pid);

// Time since the system was booted, sleep included.
using SinceBoot = std::chrono::nanoseconds;
SinceBoot since_boot() noexcept;

// Of the process that had this pid at that time, be it a zombie by now; nothing: it is gone, whoever has the pid now.
// Throws std::system_error: EMFILE, ENFILE.
FileDescriptor open_pidfd(pid_t pid, SinceBoot then);

// Whether nothing has the pid any more, not even as a zombie. Needs no descriptor.
bool is_gone(pid_t pid) noexcept;

// False: it has ended, or we may not.
bool send_signal(int pidfd, int number) noexcept;

enum class Reaped : std::uint8_t { ended, running, not_ours };
struct ReapResult {
  Reaped state;
  Ending ending;  // if it ended
};
// Takes the exit status of this child if it has ended; doesn't wait. not_ours: it is no child of ours, or its status
// has been taken by somebody else (wait(-1), SIGCHLD ignored).
ReapResult reap(int pidfd) noexcept;

// How a process ended that is nobody's zombie any more, whosever child it was. Newer kernels know (Linux 6.15);
// nothing: this one does not, or the process has not been reaped yet.
std::optional<Ending> ending_of_reaped(int pidfd) noexcept;

// Takes the exit status of any child that has ended; doesn't wait. Only for a process that has no other children.
struct EndedChild {
  pid_t pid;
  Ending ending;
};
std::optional<EndedChild> reap_any() noexcept;

// Waits until all children have ended.
void reap_all() noexcept;

}  // namespace plait::os
