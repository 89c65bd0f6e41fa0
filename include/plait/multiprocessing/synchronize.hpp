// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's multiprocessing.synchronize: what threading has, between processes. All of it are handles of objects in
// shared memory, which can be sent anywhere at any time, and outlive the death of any process.

#include "plait/multiprocessing/synchronize/barrier.hpp"
#include "plait/multiprocessing/synchronize/condition.hpp"
#include "plait/multiprocessing/synchronize/event.hpp"
#include "plait/multiprocessing/synchronize/lock.hpp"
#include "plait/multiprocessing/synchronize/semaphore.hpp"
