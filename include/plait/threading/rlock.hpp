// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// RLock: Python's threading.RLock, a lock that its owner may acquire again.

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "plait/threading/lock.hpp"

namespace plait::threading {

// Held by one thread at a time, as many times over as it likes; free again when that thread has released it as often.
// Memory order, fairness and destruction are Lock's. Meets Lockable and TimedLockable. After fork() the child's only
// thread owns what the forking thread owned. Owners are known by get_ident(), which the system gives to a new thread
// when one has ended; so a thread must not end owning it. (clang's analysis warns of a second acquire: it knows no such
// locks.)
//
//   plait::threading::RLock lock;
//   std::scoped_lock outer(lock);
//   std::scoped_lock inner(lock);  // the same thread
class PLAIT_EXPORT PLAIT_CAPABILITY("RLock") RLock {
 public:
  RLock() noexcept = default;
  RLock(const RLock&) = delete;
  RLock& operator=(const RLock&) = delete;
  ~RLock() = default;

  // Waits, unless this thread owns it; true. Throws as Lock::acquire().
  bool acquire() PLAIT_ACQUIRE() {
    if (lock_.take_free()) return own();  // before looking at the owner, which is another access to contended memory
    if (is_owned()) return ++depth_, true;
    lock_.acquire();
    return own();
  }
  // As Lock's. The owner gets it at once, whatever the timeout. Throws ValueError as there, the owner too.
  [[nodiscard]] bool acquire(const Until& until) PLAIT_TRY_ACQUIRE(true);
  [[nodiscard]] bool acquire(const AcquireOptions& options) PLAIT_TRY_ACQUIRE(true);
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool blocking) PLAIT_TRY_ACQUIRE(true) {
    return blocking ? acquire() : try_lock();
  }

  // Throws RuntimeError: this thread does not own it; nothing changes.
  void release() PLAIT_RELEASE() {
    if (!is_owned()) throw_not_owned();
    if (--depth_ != 0) return;
    owner_.store(0, std::memory_order_relaxed);
    lock_.release();
  }

  // Whether any thread holds it: a snapshot.
  [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }

  void lock() PLAIT_ACQUIRE() { acquire(); }
  [[nodiscard]] bool try_lock() PLAIT_TRY_ACQUIRE(true) {
    if (is_owned()) return ++depth_, true;
    return lock_.try_lock() && own();
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) PLAIT_TRY_ACQUIRE(true) {
    return timeout < timeout.zero() ? try_lock() : acquire(Until(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) PLAIT_TRY_ACQUIRE(true) {
    return acquire(Until(time));
  }
  void unlock() PLAIT_RELEASE() { release(); }

  // For conditions, as Python's private methods of these names: whether this thread owns it, how many times over;
  // giving it up whatever the depth, and taking it back at that depth. release_save throws RuntimeError: it is not
  // owned. relaxed: only a thread itself writes its own id
  [[nodiscard]] bool is_owned() const noexcept { return owner_.load(std::memory_order_relaxed) == self(); }
  [[nodiscard]] std::size_t recursion_count() const noexcept { return is_owned() ? depth_ : 0; }
  [[nodiscard]] std::size_t release_save();
  void acquire_restore(std::size_t depth);

 private:
  static std::uintptr_t self() noexcept { return static_cast<std::uintptr_t>(pthread_self()); }
  bool own() noexcept {
    owner_.store(self(), std::memory_order_relaxed);
    depth_ = 1;
    return true;
  }
  [[noreturn]] static void throw_not_owned();

  Lock lock_;
  std::atomic<std::uintptr_t> owner_{0};
  std::size_t depth_ = 0;  // guarded by lock_
};

}  // namespace plait::threading
