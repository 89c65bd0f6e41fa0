// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The stacks of all threads, to see where a program hangs: what Python's faulthandler has as dump_traceback() and
// register(). Nothing is installed before it is asked for.

#include <memory>

#include "plait/detail/export.hpp"

namespace plait::threading {

// Writes to the file descriptor, which has to stay open, for each thread of the process
//   Thread NAME (native id N, most recent call first):
//     function(int) in module+0x1f3a
//     …
// the calling thread first. To get at their stacks all threads are interrupted by a real-time signal without a handler,
// which is this function's while it runs: they go on at once, but a system call that is not restarted after a handler
// returns EINTR. A thread that blocks all signals, as those do that plait's pools keep for themselves, or is stopped,
// "does not answer"; it is waited for up to a second. Names of functions come from the files' symbol tables. One dump
// at a time. Not in a signal handler.
//
// Throws std::system_error: /proc is not there, or all real-time signals have handlers; std::bad_alloc.
PLAIT_EXPORT void dump_traceback(int fd = 2);

// Keeps a signal for dumps while it lives.
class PLAIT_EXPORT DumpOnSignal {
 public:
  DumpOnSignal(DumpOnSignal&& other) noexcept;
  DumpOnSignal& operator=(DumpOnSignal&& other) noexcept;
  ~DumpOnSignal();

  // The signal does what it did before, unless it has been given another handler since. Waits for a dump that is under
  // way. Repeatable.
  void cancel() noexcept;

 private:
  friend DumpOnSignal dump_traceback_on(int signal_number, int fd);
  class Watcher;
  explicit DumpOnSignal(std::unique_ptr<Watcher> watcher) noexcept;

  std::unique_ptr<Watcher> watcher_;
};

// Each time the signal comes, a thread of plait's ("plait-dump") writes what dump_traceback() writes, without itself.
// It works while every other thread hangs, unless one hangs in the dynamic loader (dlopen, the constructors of what it
// loads), which is asked for the names. Signals that come during a dump count as one. In a child made by fork the
// signal does nothing.
//
//   const auto dump = plait::threading::dump_traceback_on(SIGUSR1);
//
// Throws ValueError: that signal can have no handler; RuntimeError: it is kept for dumps already; std::system_error: no
// thread or descriptor is to be had.
[[nodiscard]] PLAIT_EXPORT DumpOnSignal dump_traceback_on(int signal_number, int fd = 2);

}  // namespace plait::threading
