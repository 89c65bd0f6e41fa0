// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Semaphore and BoundedSemaphore between processes, Python's multiprocessing.Semaphore and BoundedSemaphore.

#include <chrono>
#include <concepts>
#include <cstdint>

#include "plait/multiprocessing/synchronize/lock.hpp"

namespace plait::multiprocessing {

// A number of permits, shared by the processes that have a handle. acquire() takes one and waits while there is none;
// release() gives back, whoever took it. Permits that a dead process had taken are not given back, for nobody knows
// whose they were; nobody else is harmed by its death. Meets Lockable and TimedLockable. Throws RuntimeError: the
// handle was inherited by fork().
//
//   mp::Semaphore connections(3);
//   void fetch(mp::Semaphore connections, std::string url) { std::scoped_lock one(connections); … }
//
// At most SEM_VALUE_MAX permits (of <climits>: 2^31 - 1).
//
// Differs from Python: release() may give several.
class PLAIT_EXPORT Semaphore : public detail::SharedHandle {
 public:
  // Throws ValueError: value < 0 or over SEM_VALUE_MAX; OutOfSharedMemory.
  explicit Semaphore(std::int64_t value = 1) : Semaphore(value, most_permits) {}
  explicit Semaphore(detail::ArrivedHandle arrived);

  // Waits for ever; true.
  bool acquire() const { return take({}); }
  // False: none was to be had in time, or a stop was requested. Zero and less: a poll.
  [[nodiscard]] bool acquire(const Until& until) const { return take(until); }
  [[nodiscard]] bool acquire(const AcquireOptions& options) const {
    return take(options.block ? options.timeout : poll());
  }
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool block) const {
    return take(block ? Until() : poll());
  }
  // Gives n permits, and wakes as many who wait. Throws ValueError, and nothing changes: n < 1, or there would be more
  // than SEM_VALUE_MAX, or than a BoundedSemaphore had at first.
  void release(std::int64_t n = 1) const;
  // A snapshot.
  [[nodiscard]] std::int64_t get_value() const;
  // Whether there is no permit: a snapshot.
  [[nodiscard]] bool locked() const { return get_value() == 0; }

  void lock() const { acquire(); }
  [[nodiscard]] bool try_lock() const { return take(poll()); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) const {
    return take(Until(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) const {
    return take(Until(time));
  }
  void unlock() const { release(); }

 protected:
  Semaphore(std::int64_t value, std::int64_t bound);

  static constexpr std::int64_t most_permits = 0x7fff'ffff;

 private:
  static Until poll() { return std::chrono::nanoseconds::zero(); }
  [[nodiscard]] bool take(const Until& until) const;
};

// A Semaphore that is never given back more than was taken: it finds a release too many.
class PLAIT_EXPORT BoundedSemaphore : public Semaphore {
 public:
  // Throws as Semaphore.
  explicit BoundedSemaphore(std::int64_t value = 1) : Semaphore(value, value) {}
  explicit BoundedSemaphore(detail::ArrivedHandle arrived) : Semaphore(arrived) {}
};

}  // namespace plait::multiprocessing
