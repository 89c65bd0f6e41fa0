// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's `multiprocessing`. So far: start methods. Processes themselves are reached through
// plait::futures::ProcessPoolExecutor.

#include "plait/multiprocessing/context.hpp"
#include "plait/os.hpp"

namespace plait::multiprocessing {

using os::cpu_count;

}  // namespace plait::multiprocessing
