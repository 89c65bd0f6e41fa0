// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the queues of plait::queue take and throw: Python's keyword arguments, and Empty, Full and ShutDown.

#include "plait/detail/export.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::queue {

// get: there was nothing, or nothing in time.
class PLAIT_EXPORT Empty : public Error {
 public:
  using Error::Error;
  Empty() : Error("get: the queue is empty") {}
};

// put: there was no room, or none in time.
class PLAIT_EXPORT Full : public Error {
 public:
  using Error::Error;
  Full() : Error("put: the queue is full") {}
};

// put: the queue was shut down. get: it was, and nothing is left in it.
class PLAIT_EXPORT ShutDown : public Error {
 public:
  using Error::Error;
  ShutDown() : Error("the queue was shut down") {}
};

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
