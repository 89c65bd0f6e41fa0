// SPDX-License-Identifier: Apache-2.0
#include "os/process.hpp"
#include "process/process.hpp"

namespace plait::process {

std::string ExitStatus::describe() const { return os::describe_end(known, signal, code); }

}  // namespace plait::process
