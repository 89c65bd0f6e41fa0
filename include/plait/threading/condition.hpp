// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Condition: Python's threading.Condition, over an RLock of its own, a Lock, an RLock, or any BasicLockable.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/thread_annotations.hpp"
#include "plait/detail/waiter.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/until.hpp"

namespace plait::detail {

template <class L>
concept basic_lockable = requires(L& lock) {
  lock.lock();
  lock.unlock();
};

// What a condition needs of its lock.
struct LockOperations {
  void (*lock)(void* lock);
  bool (*acquire)(void* lock, const Until& until);
  void (*unlock)(void* lock);
  bool (*owned)(void* lock);           // by this thread, as far as the lock knows
  std::size_t (*give_up)(void* lock);  // whatever the depth, which is returned
  void (*take_back)(void* lock, std::size_t depth);
};

template <class L>
concept has_try_lock_until =
    requires(L& lock, Deadline::Clock::time_point time) { lock.try_lock_until(time); } &&
    // std::unique_lock has it in any case, but it compiles only if its mutex has it
    (
        !requires { typename L::mutex_type; } ||
        requires(typename L::mutex_type& mutex, Deadline::Clock::time_point time) { mutex.try_lock_until(time); });

// For locks that are not plait's.
template <class L>
struct ForeignLock {
  static void lock(void* lock) { static_cast<L*>(lock)->lock(); }
  static bool acquire(void* lock, const Until& until) {
    L& foreign = *static_cast<L*>(lock);
    if (until.is_never()) return foreign.lock(), true;
    if constexpr (has_try_lock_until<L>) {
      if (!until.stop().stop_possible()) return foreign.try_lock_until(until.deadline().time());
    }
    if constexpr (requires { foreign.try_lock(); }) {
      if (until.deadline().expired()) return foreign.try_lock();
    }
    throw TypeError("acquire: the lock of this condition cannot wait with a timeout or a stop_token; use plait's Lock");
  }
  static void unlock(void* lock) { static_cast<L*>(lock)->unlock(); }
  static bool owned(void*) { return true; }
  static std::size_t give_up(void* lock) { return static_cast<L*>(lock)->unlock(), 1; }
  static void take_back(void* lock, std::size_t) { static_cast<L*>(lock)->lock(); }
};

template <class L>
inline constexpr LockOperations foreign_lock_operations{&ForeignLock<L>::lock,    &ForeignLock<L>::acquire,
                                                        &ForeignLock<L>::unlock,  &ForeignLock<L>::owned,
                                                        &ForeignLock<L>::give_up, &ForeignLock<L>::take_back};

}  // namespace plait::detail

namespace plait::threading {

// Threads wait here, holding the lock, until another one, holding the lock, notifies them. The lock may serve several
// conditions. It must outlive the condition, which may be destroyed when nobody waits. Meets Lockable and TimedLockable
// itself, which is its lock's doing.
//
// notify() wakes in the order of the calls of wait(). What the notifier did is seen by the woken. There are no wake-ups
// for no reason. A waiter that times out while it is notified counts as notified, so no notification is lost.
//
// With Lock, RLock and the own one, wait() and notify() without the lock throw; other locks cannot tell, there it is a
// precondition, and taking it back must not throw. After fork() nobody waits in the child.
//
//   plait::threading::Condition cond;
//   { std::scoped_lock held(cond);  cond.wait_for([&] { return !items.empty(); });  take(items); }
//   { std::scoped_lock held(cond);  items.push_back(1);  cond.notify(); }
//
// Differs from Python: with Lock, "not owned" is "not locked", as any thread may release it.
class PLAIT_EXPORT PLAIT_CAPABILITY("Condition") Condition {
 public:
  Condition() noexcept : Condition(own_) {}
  explicit Condition(Lock& lock) noexcept;
  explicit Condition(RLock& lock) noexcept;
  template <detail::basic_lockable L>
    requires(!std::same_as<L, Condition>)
  explicit Condition(L& lock) noexcept : lock_(&lock), operations_(&detail::foreign_lock_operations<L>) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() = default;

  // The lock's. Of a lock that is not plait's, acquire with a timeout needs try_lock_until, and never takes a
  // stop_token: TypeError.
  bool acquire() PLAIT_ACQUIRE() { return operations_->lock(lock_), true; }
  [[nodiscard]] bool acquire(const Until& until) PLAIT_TRY_ACQUIRE(true) { return operations_->acquire(lock_, until); }
  [[nodiscard]] bool acquire(const AcquireOptions& options) PLAIT_TRY_ACQUIRE(true);
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool blocking) PLAIT_TRY_ACQUIRE(true) {
    return blocking ? acquire() : try_lock();
  }
  void release() PLAIT_RELEASE() { operations_->unlock(lock_); }
  void lock() PLAIT_ACQUIRE() { acquire(); }
  [[nodiscard]] bool try_lock() PLAIT_TRY_ACQUIRE(true) { return acquire(Until(std::chrono::seconds::zero())); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) PLAIT_TRY_ACQUIRE(true) {
    return timeout < timeout.zero() ? try_lock() : acquire(Until(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) PLAIT_TRY_ACQUIRE(true) {
    return acquire(Until(time));
  }
  void unlock() PLAIT_RELEASE() { release(); }

  // Gives up the lock, whatever the depth of a recursive one, waits until notified, and takes the lock back at that
  // depth, always, also when an exception leaves. True: notified. False: the time has come or a stop is requested; zero
  // and less give the lock up for a moment. Throws RuntimeError: the lock is not held.
  bool wait(const Until& until = {});

  // Waits until `predicate()`, called with the lock held, is true; returns its last value, which is false in the end if
  // the time has come or a stop is requested. Throws what wait() and the predicate throw, with the lock held.
  template <std::invocable Predicate>
  auto wait_for(Predicate predicate, const Until& until = {}) {
    auto value = predicate();
    while (!value && !until.is_over()) {
      wait(until);
      value = predicate();
    }
    return value;
  }

  // Wakes the n who have waited longest, or all; nobody waiting, or n < 1: nothing happens, now or later. They go on
  // when the lock is given up. Throws RuntimeError: the lock is not held.
  void notify(std::int64_t n = 1);
  void notify_all() { notify(std::numeric_limits<std::int64_t>::max()); }

 private:
  void check_owned(const char* call) const;

  RLock own_;
  void* lock_;
  const detail::LockOperations* operations_;
  detail::WaiterList waiters_;  // guarded by the lock
};

}  // namespace plait::threading
