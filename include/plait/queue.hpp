// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Queues between threads: Python's queue.

#include "plait/queue/basic_queue.hpp"
#include "plait/queue/lifo_queue.hpp"
#include "plait/queue/options.hpp"
#include "plait/queue/priority_queue.hpp"
#include "plait/queue/queue.hpp"
#include "plait/queue/simple_queue.hpp"
