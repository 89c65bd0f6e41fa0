// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Trying for a moment before sleeping: most critical sections are far shorter than a sleep.

#include "os/spin.hpp"

namespace plait::os {

// Calls `take` until it says true, or some µs have passed. Looks ever more seldom, which leaves the line of memory to
// the owner: who takes and releases in a loop is not slowed down, and is overtaken at last. Not on a single processor.
template <class Take>
bool take_backing_off(Take take) noexcept {
  constexpr int longest_pause = 256;
  if (take()) return true;
  for (int pauses = 4; pauses <= longest_pause && !has_one_processor(); pauses *= 2) {
    for (int pause = 0; pause < pauses; ++pause) cpu_relax();
    if (take()) return true;
  }
  return false;
}

}  // namespace plait::os
