// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Lock and RLock between processes, Python's multiprocessing.Lock and RLock, which survive their owner's death.

#include <chrono>
#include <concepts>
#include <cstddef>

#include "plait/detail/export.hpp"
#include "plait/detail/shared_handle.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {

class Condition;

// Python's keyword arguments of acquire: lock.acquire({.timeout = 2s}), lock.acquire({.block = false}).
struct AcquireOptions {
  bool block = true;
  Until timeout = {};  // without meaning when it does not block; zero and less: a poll

  // Locks: set to true if the last owner has died holding it; then acquire() returns true instead of throwing
  // AbandonedLockError, so that what the lock guards can be mended before anybody else sees it.
  bool* abandoned = nullptr;
};

}  // namespace plait::multiprocessing

namespace plait::detail {

// What Lock and RLock have in common.
class PLAIT_EXPORT SharedLockHandle : public SharedHandle {
 public:
  // Waits for ever; true. Throws AbandonedLockError: its owner has died, and this is the first to be told; it is not
  // held.
  bool acquire() const { return take({}, nullptr); }
  // False: it was not to be had in time, or a stop was requested. Throws as acquire().
  [[nodiscard]] bool acquire(const Until& until) const { return take(until, nullptr); }
  [[nodiscard]] bool acquire(const multiprocessing::AcquireOptions& options) const {
    return take(options.block ? options.timeout : poll(), options.abandoned);
  }
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool block) const {
    return take(block ? Until() : poll(), nullptr);
  }

  // Throws and changes nothing: ValueError, it is a Lock that is not held; AssertionError, it is an RLock that this
  // thread does not own.
  void release() const { give_back(); }

  // Whether anybody holds it, be it a dead process: a snapshot.
  [[nodiscard]] bool locked() const;

  // For std::scoped_lock, std::unique_lock and std::lock.
  void lock() const { acquire(); }
  [[nodiscard]] bool try_lock() const { return take(poll(), nullptr); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) const {
    return take(Until(timeout), nullptr);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) const {
    return take(Until(time), nullptr);
  }
  void unlock() const { give_back(); }

 protected:
  using SharedHandle::SharedHandle;
  friend class multiprocessing::Condition;
  friend class SharedMemoryHandle;

  [[nodiscard]] bool take(const Until& until, bool* abandoned) const;
  void give_back() const;

  // For conditions.
  [[nodiscard]] bool is_owned() const;
  [[nodiscard]] std::size_t release_save() const;
  // True: it was abandoned; it is held in any case.
  [[nodiscard]] bool acquire_restore(std::size_t depth) const;

 private:
  static Until poll() { return std::chrono::nanoseconds::zero(); }
};

}  // namespace plait::detail

namespace plait::multiprocessing {

// Held by at most one thread of one process at a time; any thread of any process may release it. Not reentrant. A
// handle (plait/detail/shared_handle.hpp): copies, in whatever process, are of the same lock.
//
// When the process that acquired it dies holding it, the lock is not lost: the next acquire() throws
// AbandonedLockError, once, and the lock is free; acquire({.abandoned = &flag}) takes it and says so. Whoever waits is
// told as well. What was done before release() is seen by the one that acquires next. A newcomer may overtake those who
// sleep. Meets Lockable and TimedLockable. All calls throw RuntimeError if the handle was inherited by fork().
//
//   void deposit(mp::Lock lock, mp::Value<long> balance) { std::scoped_lock held(lock); ++*balance; }
//   mp::Lock lock;
//   mp::Process p(deposit, lock, balance);
//
// Differs from Python: as said; a lock can be sent at any time, to any process of the family.
class PLAIT_EXPORT Lock : public detail::SharedLockHandle {
 public:
  // Throws OutOfSharedMemory, std::system_error.
  Lock();
  explicit Lock(detail::ArrivedHandle arrived);
};

// Held by one thread of one process at a time, as many times over as it likes. Otherwise as Lock.
class PLAIT_EXPORT RLock : public detail::SharedLockHandle {
 public:
  // Throws as Lock.
  RLock();
  explicit RLock(detail::ArrivedHandle arrived);
};

}  // namespace plait::multiprocessing
