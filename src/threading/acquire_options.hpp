// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the locks' acquire() make of their arguments.

#include "plait/errors.hpp"
#include "plait/threading/lock.hpp"

namespace plait::detail {

struct LockAccess {
  // As acquire(), for whoever must have it: never DeadlockError.
  static void reacquire(threading::Lock& lock) noexcept;
};

}  // namespace plait::detail

namespace plait::threading {

inline void check_timeout(const Until& until) {
  if (until.deadline().is_negative()) {
    throw ValueError("acquire: the timeout must not be negative; zero tries once, no timeout waits for ever");
  }
}

template <class L>
bool try_acquire(L& lock, const AcquireOptions& options) {
  if (!options.timeout.is_never()) throw ValueError("acquire: a timeout makes no sense with blocking = false");
  return lock.try_lock();
}

}  // namespace plait::threading
