// SPDX-License-Identifier: Apache-2.0
#include "os/output.hpp"

#include <stdio_ext.h>

#include <cstdio>
#include <iostream>

namespace plait::os {

void flush_output() noexcept {
  try {
    std::cout.flush();
  } catch (...) {  // a stream that was set to throw: its error is for those who write to it
  }
  std::fflush(stdout);
}

void discard_output() noexcept { __fpurge(stdout); }

}  // namespace plait::os
