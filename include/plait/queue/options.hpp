// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the queues of plait::queue take: Python's keyword arguments. What they throw is in plait/errors.hpp.

#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::queue {

// queue.put({.timeout = 2s}, item), queue.put({.block = false}, item)
struct PutOptions {
  bool block = true;
  Until timeout = {};  // without meaning when it does not block; below zero: see put
};

// queue.get({.timeout = 2s}), queue.get({.timeout = {2s, token}}), queue.get({.block = false})
struct GetOptions {
  bool block = true;
  Until timeout = {};
};

struct ShutdownOptions {
  bool immediate = false;
};

}  // namespace plait::queue
