// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Barrier: Python's threading.Barrier, where a fixed number of threads wait for each other.

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>

#include "plait/detail/export.hpp"
#include "plait/detail/waiter.hpp"
#include "plait/errors.hpp"
#include "plait/threading/lock.hpp"
#include "plait/until.hpp"

namespace plait::threading {

// Reusable: when `parties` threads are in wait() all of them go on, and the next round begins; none can lap another.
// What each did before wait() is seen by all after it. Thread-safe throughout. May be destroyed when every wait() has
// returned. After fork() the child has to reset() it if threads waited, and cannot use it if one was in its action.
//
//   plait::threading::Barrier barrier({.action = [] { say("all here"); }}, 2);
//   barrier.wait();
class PLAIT_EXPORT Barrier {
 public:
  struct Options {
    std::function<void()> action = {};                     // run once a round, by the last to come, before all go on
    std::optional<std::chrono::nanoseconds> timeout = {};  // of each wait() that is not given one
  };

  // Throws ValueError: parties < 1.
  explicit Barrier(int parties) : Barrier(Options{}, parties) {}
  Barrier(Options options, int parties);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier() = default;

  // Waits for the others, or acts if it is the last; returns a number that differs for each of a round, 0 … parties - 1
  // in the order they came. Throws BrokenBarrierError: it is broken, or becomes so; also when the time comes or a stop
  // is requested, which breaks it for all. What the action throws leaves the wait() that ran it, and breaks it for the
  // others. The action must not call wait(), reset() or abort() of its own barrier.
  int wait();
  int wait(const Until& until);

  // Empties the barrier and mends it. Those who wait get BrokenBarrierError.
  void reset();
  // Breaks it until reset(): those who wait and those who come get BrokenBarrierError.
  void abort();

  [[nodiscard]] int parties() const noexcept { return parties_; }
  // How many wait at this moment; 0 while they go on. A snapshot.
  [[nodiscard]] int n_waiting() const noexcept { return arrived_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool broken() const noexcept { return broken_.load(std::memory_order_relaxed); }

 private:
  struct Arrival;  // a Waiter that is told whether its round was broken

  void end_round(bool broken, detail::WakeChain& woken) noexcept;

  const int parties_;
  const std::function<void()> action_;
  const std::optional<std::chrono::nanoseconds> timeout_;
  Lock mutex_{detail::Untraced{}};
  // written under mutex_
  std::atomic<bool> broken_{false};
  std::atomic<int> arrived_{0};
  detail::WaiterList waiters_;
};

}  // namespace plait::threading
