// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Trying for a moment before sleeping: most critical sections are far shorter than a sleep.

#include "os/spin.hpp"
#include "plait/os.hpp"

namespace plait::threading {

// Calls `take` until it says true, or some µs have passed. Looks ever more seldom, which leaves the line of memory to
// the owner: who takes and releases in a loop is not slowed down, and is overtaken at last.
template <class Take>
bool take_backing_off(Take take) {
  constexpr int longest_pause = 256;
  static const bool alone = os::process_cpu_count() == 1;
  for (int pauses = 4; pauses <= longest_pause && !alone; pauses *= 2) {
    if (take()) return true;
    for (int pause = 0; pause < pauses; ++pause) os::cpu_relax();
  }
  return take();
}

}  // namespace plait::threading
