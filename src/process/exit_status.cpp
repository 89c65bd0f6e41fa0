// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "process/process.hpp"

namespace plait::process {

std::string ExitStatus::describe() const {
  if (!known) return "ended, its exit status is not known";
  if (signal == 0) return "exited with code " + std::to_string(code);
  const char* name = sigabbrev_np(signal);
  return "was killed by signal " + std::to_string(signal) + (name != nullptr ? " (SIG" + std::string(name) + ")" : "");
}

}  // namespace plait::process
