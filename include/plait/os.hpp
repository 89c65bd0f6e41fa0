// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's `os`, as far as concurrent programs need it: who am I, how many processors have I, fork.

#include <sys/types.h>

#include "plait/detail/export.hpp"

namespace plait::os {

[[nodiscard]] PLAIT_EXPORT pid_t getpid() noexcept;
// The parent's; another one once the parent has died.
[[nodiscard]] PLAIT_EXPORT pid_t getppid() noexcept;

// Processors that this process may use, at least 1: those in its affinity mask (taskset, cpuset), and no more than the
// CPU quota of its control group (v1 or v2, its ancestors' too) rounded up. The default number of workers. Asks the
// system each time; not for inner loops.
// Differs from Python: there the quota of a container is not looked at, so a pool in it gets too many workers.
[[nodiscard]] PLAIT_EXPORT int process_cpu_count();

// The same. Differs from Python, where it is the number of processors of the machine, of which a container or a mask
// may leave the program only a few.
[[nodiscard]] PLAIT_EXPORT int cpu_count();

// The C library's fork, with the standard streams flushed first (all FILE*; std::cout, cerr, clog), so that nothing is
// written twice. Returns 0 in the child, where plait starts afresh: it can use everything, pools of its own included,
// while executors inherited from the parent throw RuntimeError. Another thread that prints at the same moment may
// still see its text twice. As ever, a child of a program with several threads has only this thread.
// Throws std::system_error: EAGAIN (limit of processes), ENOMEM.
PLAIT_EXPORT pid_t fork();

}  // namespace plait::os
