// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's `multiprocessing`. So far: processes, start methods, pools, connections, locks and other objects to
// synchronize with, shared memory with names, the log.

#include "plait/multiprocessing/connection.hpp"
#include "plait/multiprocessing/context.hpp"
#include "plait/multiprocessing/log.hpp"
#include "plait/multiprocessing/managers.hpp"
#include "plait/multiprocessing/pool.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/reduction.hpp"
#include "plait/multiprocessing/shareable_list.hpp"
#include "plait/multiprocessing/shared_memory.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "plait/os.hpp"

namespace plait::multiprocessing {

using os::cpu_count;
using plait::TimeoutError;

}  // namespace plait::multiprocessing
