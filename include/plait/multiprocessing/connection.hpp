// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's `multiprocessing.connection`: Connection, Pipe(), wait().

#include "plait/multiprocessing/connection/connection.hpp"
#include "plait/multiprocessing/connection/pipe.hpp"
#include "plait/multiprocessing/connection/wait.hpp"
