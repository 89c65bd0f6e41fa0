// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's concurrent.futures: executors that run calls on threads or on processes, and futures of their results.

#include "plait/errors.hpp"
#include "plait/futures/executor.hpp"
#include "plait/futures/future.hpp"
#include "plait/futures/process_pool_executor.hpp"
#include "plait/futures/thread_pool_executor.hpp"
#include "plait/futures/wait.hpp"
