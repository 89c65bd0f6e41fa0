// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// All of plait: Python's concurrency toolkit for C++. Each module has a header of its own, named as in Python.

#include "plait/exceptions.hpp"
#include "plait/futures.hpp"
#include "plait/init.hpp"
#include "plait/multiprocessing.hpp"
#include "plait/os.hpp"
#include "plait/partial.hpp"
#include "plait/queue.hpp"
#include "plait/threading.hpp"
#include "plait/wire.hpp"
