// SPDX-License-Identifier: Apache-2.0
#include "os/at_exit.hpp"

#include <cstdlib>
#include <mutex>
#include <new>

#include "os/fork_handlers.hpp"

namespace plait::os {
namespace {

constinit std::mutex registering;

[[gnu::constructor(registers_innermost_locks)]] void register_handlers() { hold_over_fork<registering>(); }

}  // namespace

void at_exit(void (*callback)()) {
  const std::scoped_lock lock(registering);
  if (std::atexit(callback) != 0) throw std::bad_alloc();
}

}  // namespace plait::os
