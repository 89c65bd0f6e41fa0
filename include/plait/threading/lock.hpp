// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Lock: Python's threading.Lock, mutual exclusion without an owner. With it: AcquireOptions, which every acquire() of
// plait takes, and With, Python's `with lock:` for clang's thread-safety analysis.

#include <sys/single_threaded.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>

#include "plait/detail/export.hpp"
#include "plait/detail/thread_annotations.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::detail {

struct LockAccess;
struct Untraced {};

}  // namespace plait::detail

namespace plait::threading {

// Python's keyword arguments of acquire: lock.acquire({.timeout = 2s}), lock.acquire({.blocking = false}).
struct AcquireOptions {
  bool blocking = true;
  Until timeout = {};  // with blocking = false there must be none; less than zero: ValueError
};

// Held by at most one thread at a time. Any thread may release it, whichever acquired it. Not reentrant: a second
// acquire in the same thread waits.
//
// What a thread did before release() is seen by the one that acquires next. Fairness: a thread that comes while the
// lock is free takes it, ahead of sleeping waiters, for that is far faster; but a waiter that was woken once and came
// too late is handed the lock at the next release, so none starves. Meets Lockable and TimedLockable.
//
// May be destroyed when no thread waits for it, also while held, and at once by a thread that acquired it after the
// last release() began. After fork() the child finds it as it was: held, if any thread held it. Not for signal
// handlers.
//
// With PLAIT_DEADLOCK=1 in the environment its order of acquisition is watched (docs/design/deadlock.md). Four bytes.
//
// Differs from Python: acquire(0s) polls as there; a timeout of -1 is refused like any other below zero, for ever is
// acquire(). Destroying replaces garbage collection.
//
//   plait::threading::Lock lock;
//   { std::scoped_lock held(lock); ++balance; }
class PLAIT_EXPORT PLAIT_CAPABILITY("Lock") Lock {
 public:
  constexpr Lock() noexcept : word_(fresh) {}
  constexpr explicit Lock(detail::Untraced) noexcept : word_(0) {}  // for plait's own
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    if ((word_.load(std::memory_order_relaxed) & traced) != 0) forget();
  }

  // Waits for ever; true. Throws DeadlockError, with PLAIT_DEADLOCK=1 only: as far as can be seen it would never
  // return.
  bool acquire() PLAIT_ACQUIRE() { return take_free() || acquire_slow({}); }
  // False: it was not to be had in time, or a stop was requested. Throws ValueError: a timeout below zero, or one
  // together with blocking = false; and as acquire().
  [[nodiscard]] bool acquire(const Until& until) PLAIT_TRY_ACQUIRE(true);
  [[nodiscard]] bool acquire(const AcquireOptions& options) PLAIT_TRY_ACQUIRE(true);
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool blocking) PLAIT_TRY_ACQUIRE(true) {
    return blocking ? acquire() : try_lock();
  }

  // Throws RuntimeError: it is not held; nothing changes.
  void release() PLAIT_RELEASE() {
    if (!give_back()) release_slow();
  }

  // A snapshot.
  [[nodiscard]] bool locked() const noexcept { return (word_.load(std::memory_order_relaxed) & is_locked) != 0; }

  // For std::scoped_lock, std::unique_lock and std::lock.
  void lock() PLAIT_ACQUIRE() { acquire(); }
  [[nodiscard]] bool try_lock() noexcept PLAIT_TRY_ACQUIRE(true) { return take_free() || try_lock_slow(); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) PLAIT_TRY_ACQUIRE(true) {
    return timeout < timeout.zero() ? try_lock() : acquire(Until(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) PLAIT_TRY_ACQUIRE(true) {
    return acquire(Until(time));
  }
  void unlock() PLAIT_RELEASE() { release(); }

 private:
  friend struct detail::LockAccess;
  friend class RLock;

  // Bits of the word. A traced lock is never 0, so that its calls leave the fast path and those of others pay nothing.
  // A fresh one has not been used yet: the first call, which leaves the fast path too, decides whether it is traced. So
  // a static lock is there before any code runs.
  static constexpr std::uint32_t is_locked = 1, has_waiters = 2, traced = 4, fresh = 8;

  bool is_traced() noexcept;
  // The fast ways. False also when it has waiters or is traced. The only thread of a process needs no locked
  // instruction; that it is, nobody but itself can change. acquire: pairs with the release of whoever had it before.
  bool take_free() noexcept { return replace(0, is_locked, std::memory_order_acquire); }
  bool give_back() noexcept { return replace(is_locked, 0, std::memory_order_release); }
  bool replace(std::uint32_t from, std::uint32_t to, std::memory_order order) noexcept {
    if (!__libc_single_threaded) {
      return word_.compare_exchange_strong(from, to, order, std::memory_order_relaxed);
    }
    if (word_.load(std::memory_order_relaxed) != from) return false;
    word_.store(to, std::memory_order_relaxed);
    return true;
  }
  bool take() noexcept;
  bool wait_in_line(const Until& until) noexcept;
  bool acquire_slow(const Until& until);
  bool acquire_traced(const Until& until);
  bool try_lock_slow() noexcept;
  void release_slow();
  void forget() noexcept;

  std::atomic<std::uint32_t> word_;
};

// Holds a lock of plait while it lives, as std::scoped_lock does, and tells clang's thread-safety analysis so.
template <class L>
class PLAIT_SCOPED_CAPABILITY With {
 public:
  explicit With(L& lock) PLAIT_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  With(const With&) = delete;
  With& operator=(const With&) = delete;
  ~With() PLAIT_RELEASE() { lock_.unlock(); }

 private:
  L& lock_;
};

}  // namespace plait::threading
