// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's multiprocessing.dummy: the interface of plait::multiprocessing, on threads. A program for one is one for the
// other by one line:
//
//   namespace mp = plait::multiprocessing;          // processes
//   namespace mp = plait::multiprocessing::dummy;   // threads
//
//   mp::Queue<int> queue;
//   mp::Process writer(fill, queue);
//   mp::Pool pool(4);
//
// What is shared is shared in the same way, as handles of which copies are of one object, so it is passed by value to
// targets and tasks. The other way round, from threads to processes, a program may have to change: only here are
// captures and values allowed that cannot travel.
//
// Differs from Python: Lock, Queue and the like are such handles, not plait::threading's and plait::queue's classes.

#include "plait/multiprocessing/context.hpp"
#include "plait/multiprocessing/dummy/connection.hpp"
#include "plait/multiprocessing/dummy/manager.hpp"
#include "plait/multiprocessing/dummy/process.hpp"
#include "plait/multiprocessing/dummy/queue.hpp"
#include "plait/multiprocessing/dummy/shared_value.hpp"
#include "plait/multiprocessing/dummy/synchronize.hpp"
#include "plait/multiprocessing/log.hpp"
#include "plait/multiprocessing/pool.hpp"
#include "plait/os.hpp"

namespace plait::multiprocessing::dummy {

using multiprocessing::AsyncResult, multiprocessing::IMapIterator, multiprocessing::get_logger,
    multiprocessing::log_to_stderr;
using os::cpu_count;
using plait::TimeoutError;

using Pool = ThreadPool;
using PoolOptions = ThreadPoolOptions;

}  // namespace plait::multiprocessing::dummy
