// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's threading: threads, what they wait with, and what belongs to one thread only.

#include <mutex>  // std::scoped_lock, which goes with the locks

#include "plait/threading/barrier.hpp"
#include "plait/threading/condition.hpp"
#include "plait/threading/dump_traceback.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/excepthook.hpp"
#include "plait/threading/local.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/threading/semaphore.hpp"
#include "plait/threading/thread.hpp"
#include "plait/threading/timer.hpp"
