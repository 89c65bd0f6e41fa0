// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Condition between processes, Python's multiprocessing.Condition.

#include <concepts>
#include <cstdint>
#include <limits>

#include "plait/multiprocessing/synchronize/lock.hpp"

namespace plait::multiprocessing {

// Processes wait here, holding the lock, until another one, holding the lock, notifies them. The lock may serve several
// conditions; it is a handle like the condition, which travels with it. Meets Lockable and TimedLockable itself, which
// is its lock's doing.
//
// notify() wakes in the order of the calls of wait(). A waiter that dies takes nobody's notification with it: one that
// it had got and not acted upon is passed on, so that now and then, after a death, somebody is woken once too often.
// Check what you wait for, as with wait_for(). Throws RuntimeError: the handle was inherited by fork().
//
//   void consume(mp::Condition ready, mp::Value<int> stock) {
//     std::scoped_lock held(ready);
//     ready.wait_for([&] { return *stock > 0; });
//     --*stock;
//   }
//
// Differs from Python: with Lock, "not owned" is "not locked", as any process may release it; a waiter that is killed
// does not make notify_all() hang.
class PLAIT_EXPORT Condition : public detail::SharedHandle {
 public:
  // With an RLock of its own. Throw OutOfSharedMemory.
  Condition() : Condition(RLock()) {}
  explicit Condition(const Lock& lock) : Condition(static_cast<const detail::SharedLockHandle&>(lock)) {}
  explicit Condition(const RLock& lock) : Condition(static_cast<const detail::SharedLockHandle&>(lock)) {}
  explicit Condition(detail::ArrivedHandle arrived);

  // The lock's.
  bool acquire() const { return lock_.acquire(); }
  [[nodiscard]] bool acquire(const Until& until) const { return lock_.acquire(until); }
  [[nodiscard]] bool acquire(const AcquireOptions& options) const { return lock_.acquire(options); }
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool block) const {
    return lock_.acquire(block);
  }
  void release() const { lock_.give_back(); }
  void lock() const { lock_.lock(); }
  [[nodiscard]] bool try_lock() const { return lock_.try_lock(); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) const {
    return lock_.try_lock_for(timeout);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) const {
    return lock_.try_lock_until(time);
  }
  void unlock() const { release(); }

  // Gives up the lock, whatever the depth of a recursive one, waits until notified, and takes the lock back at that
  // depth, always, also when an exception leaves. True: notified. False: the time has come or a stop is requested; zero
  // and less give the lock up for a moment. Throws AssertionError: the lock is not held; AbandonedLockError: a process
  // died while it held the lock meanwhile, and this is the first to be told.
  bool wait(const Until& until = {}) const;

  // Waits until `predicate()`, called with the lock held, is true; returns its last value, which is false in the end if
  // the time has come or a stop is requested. Throws what wait() and the predicate throw, with the lock held.
  template <std::invocable Predicate>
  auto wait_for(Predicate predicate, const Until& until = {}) const {
    auto value = predicate();
    while (!value && !until.is_over()) {
      wait(until);
      value = predicate();
    }
    return value;
  }

  // Wakes the n who have waited longest, or all; nobody waiting, or n < 1: nothing happens, now or later. They go on
  // when the lock is given up. Throws AssertionError: the lock is not held.
  void notify(std::int64_t n = 1) const;
  void notify_all() const { notify(std::numeric_limits<std::int64_t>::max()); }

 private:
  explicit Condition(const detail::SharedLockHandle& lock);
  void check_owned(const char* call) const;

  detail::SharedLockHandle lock_;
};

}  // namespace plait::multiprocessing
