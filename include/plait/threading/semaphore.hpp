// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Semaphore and BoundedSemaphore, Python's threading.Semaphore and threading.BoundedSemaphore.

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>

#include "plait/detail/export.hpp"
#include "plait/threading/lock.hpp"
#include "plait/until.hpp"

namespace plait::threading {

// A number of permits. acquire() takes one and waits while there is none; release() gives back. What a thread did
// before release() is seen by whoever takes what it gave. Fairness as Lock's: a newcomer may take a permit ahead of
// those who sleep, but who was woken once and came too late is handed the next one. Meets Lockable and TimedLockable;
// destruction and fork() as with Lock.
//
//   plait::threading::Semaphore connections(3);
//   { std::scoped_lock one(connections); fetch(url); }
//
// Differs from Python: at most 2^62 permits.
class PLAIT_EXPORT Semaphore {
 public:
  // Throws ValueError: value < 0 (or over 2^62).
  explicit Semaphore(std::int64_t value = 1) : Semaphore(value, most_permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() = default;

  // Waits for ever; true.
  bool acquire() { return try_lock() || acquire_slow({}); }
  // False: none was to be had in time, or a stop was requested. Zero and less: a poll. Throws ValueError: a timeout
  // together with blocking = false.
  [[nodiscard]] bool acquire(const Until& until) { return try_lock() || acquire_slow(until); }
  [[nodiscard]] bool acquire(const AcquireOptions& options);
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool blocking) {
    return blocking ? acquire() : try_lock();
  }

  // Gives back n permits, and wakes as many waiters. Throws ValueError, and nothing changes: n < 1, or more than 2^62,
  // or than a BoundedSemaphore had at first.
  void release() {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    // release: pairs with the acquire of whoever takes the permit
    if ((word & has_waiters) != 0 || word >= most_ ||
        !word_.compare_exchange_strong(word, word + one, std::memory_order_release, std::memory_order_relaxed)) {
      release(1);
    }
  }
  void release(std::int64_t n);

  void lock() { acquire(); }
  [[nodiscard]] bool try_lock() noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    while (word >= one) {
      // acquire: pairs with release()
      if (word_.compare_exchange_weak(word, word - one, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) {
    return acquire(Until(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) {
    return acquire(Until(time));
  }
  void unlock() { release(); }

 protected:
  Semaphore(std::int64_t value, std::int64_t most);

  static constexpr std::int64_t most_permits = std::int64_t{1} << 62;

 private:
  // The word: permits above, below them whether threads wait.
  static constexpr std::uint64_t has_waiters = 1, one = 2;

  bool acquire_slow(const Until& until);

  std::atomic<std::uint64_t> word_;
  const std::uint64_t most_;  // permits, as in the word
};

// A Semaphore that is never given back more than was taken: it finds a release too many.
class PLAIT_EXPORT BoundedSemaphore : public Semaphore {
 public:
  // Throws ValueError: value < 0.
  explicit BoundedSemaphore(std::int64_t value = 1) : Semaphore(value, value) {}
};

}  // namespace plait::threading
