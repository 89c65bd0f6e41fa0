// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/rlock.hpp"

#include <utility>

#include "threading/acquire_options.hpp"

namespace plait::threading {

bool RLock::acquire(const Until& until) {
  check_timeout(until);
  if (is_owned()) return ++depth_, true;
  return lock_.acquire(until) && own();
}

bool RLock::acquire(const AcquireOptions& options) {
  return options.blocking ? acquire(options.timeout) : try_acquire(*this, options);
}

std::size_t RLock::release_save() {
  if (!is_owned()) throw_not_owned();
  const std::size_t depth = std::exchange(depth_, 0);
  owner_.store(0, std::memory_order_relaxed);
  lock_.release();
  return depth;
}

void RLock::acquire_restore(std::size_t depth) {
  detail::LockAccess::reacquire(lock_);
  own();
  depth_ = depth;
}

void RLock::throw_not_owned() { throw RuntimeError("release of an RLock that this thread does not own"); }

}  // namespace plait::threading
