// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The stacks of all threads of this process, taken by interrupting each with a signal.

#include <sys/types.h>

#include <vector>

namespace plait::os {

struct ThreadStack {
  pid_t native_id = 0;
  bool answered = false;            // else the thread blocks all signals, or is stopped
  std::vector<const void*> frames;  // innermost first; addresses inside the calls, not after them
};

// Of each thread, the calling one first, those of a sanitizer's runtime among them. Takes a real-time signal that has
// no handler for itself until it returns. Waits at most a second for a thread that does not answer. Threads go on at
// once; those in a system call that SA_RESTART does not restart see EINTR. One call at a time; a second one waits for
// the first. Throws std::system_error: /proc is not there, or every real-time signal is in use.
std::vector<ThreadStack> capture_stacks();

}  // namespace plait::os
