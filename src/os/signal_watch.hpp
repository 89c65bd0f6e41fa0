// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A signal turned into an event that another thread waits for.

#include <signal.h>

#include <cstdint>

namespace plait::os {

// While it lives, raises an event (file_descriptor.hpp) each time the signal comes, instead of what was done with it
// before, which is done again afterwards, unless somebody has put a handler in its place meanwhile. There is at most
// one for a signal. In a child made by fork the signal does nothing, unless the child makes a watch of its own.
class SignalWatch {
 public:
  // Throws std::system_error: there can be no handler for that signal (EINVAL), or there is such a watch (EBUSY).
  SignalWatch(int number, int event);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  // When it returns no handler uses the event any more.
  ~SignalWatch();

 private:
  int number_;
  std::uint64_t word_;  // process and event
  struct sigaction before_ {};
};

}  // namespace plait::os
