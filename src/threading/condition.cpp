// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/condition.hpp"

#include <string>

#include "threading/acquire_options.hpp"

namespace plait::threading {
namespace {

constexpr detail::LockOperations lock_operations{
    [](void* lock) { static_cast<Lock*>(lock)->lock(); },
    [](void* lock, const Until& until) { return static_cast<Lock*>(lock)->acquire(until); },
    [](void* lock) { static_cast<Lock*>(lock)->release(); },
    [](void* lock) { return static_cast<Lock*>(lock)->locked(); },
    [](void* lock) { return static_cast<Lock*>(lock)->release(), std::size_t{1}; },
    [](void* lock, std::size_t) { detail::LockAccess::reacquire(*static_cast<Lock*>(lock)); }};

constexpr detail::LockOperations rlock_operations{
    [](void* lock) { static_cast<RLock*>(lock)->lock(); },
    [](void* lock, const Until& until) { return static_cast<RLock*>(lock)->acquire(until); },
    [](void* lock) { static_cast<RLock*>(lock)->release(); },
    [](void* lock) { return static_cast<RLock*>(lock)->is_owned(); },
    [](void* lock) { return static_cast<RLock*>(lock)->release_save(); },
    [](void* lock, std::size_t depth) { static_cast<RLock*>(lock)->acquire_restore(depth); }};

}  // namespace

Condition::Condition(Lock& lock) noexcept : lock_(&lock), operations_(&lock_operations) {}

Condition::Condition(RLock& lock) noexcept : lock_(&lock), operations_(&rlock_operations) {}

bool Condition::acquire(const AcquireOptions& options) {
  return options.blocking ? acquire(options.timeout) : try_acquire(*this, options);
}

void Condition::check_owned(const char* call) const {
  if (!operations_->owned(lock_)) {
    throw RuntimeError(std::string(call) + ": the condition's lock must be held; acquire it first");
  }
}

bool Condition::wait(const Until& until) {
  check_owned("wait");
  detail::Waiter self;
  waiters_.push_back(self);
  std::size_t depth = 0;
  try {
    depth = operations_->give_up(lock_);
  } catch (...) {
    waiters_.remove(self);
    throw;
  }
  const bool woken = !until.is_over() && self.wait(until);
  [&]() noexcept { operations_->take_back(lock_, depth); }();
  if (woken) return true;
  if (!self.is_linked()) {
    self.await_wake();  // it was notified before it had the lock again
    return true;
  }
  waiters_.remove(self);
  return false;
}

void Condition::notify(std::int64_t n) {
  check_owned("notify");
  detail::WakeChain woken;
  for (; n > 0; --n) {
    detail::Waiter* const waiter = waiters_.pop_front();
    if (waiter == nullptr) break;
    woken.add(waiter);
  }
}

}  // namespace plait::threading
