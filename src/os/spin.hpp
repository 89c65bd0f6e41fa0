// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting by spinning, bounded and adaptive: a wake-up by the kernel costs some 20 µs, so it pays to look for a
// moment before sleeping, but only where looking has found something lately.

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace plait::os {

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether this process has but one processor to run on, so that looking for what another thread does is in vain; as far
// as can be told without memory.
[[nodiscard]] bool has_one_processor() noexcept;

// How long its owner may spin. Grows while spinning finds what it waits for, shrinks while it does not, so that a wait
// that never pays costs `least`. Not thread-safe.
class SpinBudget {
 public:
  using Clock = std::chrono::steady_clock;
  using duration = std::chrono::nanoseconds;
  static constexpr duration least{5'000};
  static constexpr duration most{50'000};

  constexpr explicit SpinBudget(duration budget = most) noexcept : budget_(std::clamp(budget, least, most)) {}

  [[nodiscard]] duration current() const noexcept { return budget_; }

  // Looks until found() or the budget is spent; true: found. Gives way to other threads now and then.
  template <class Found>
  bool spin(Found found) {
    constexpr int looks_per_round = 32;
    constexpr int rounds_per_yield = 8;
    const auto end = Clock::now() + budget_;
    for (int round = 1;; ++round) {
      for (int look = 0; look < looks_per_round; ++look) {
        if (found()) {
          budget_ = std::min(budget_ * 2, most);
          return true;
        }
        cpu_relax();
      }
      if (Clock::now() >= end) break;
      if (round % rounds_per_yield == 0) sched_yield();
    }
    budget_ = std::max(budget_ / 2, least);
    return false;
  }

  // Spinning had not found it, sleeping did, `wait` after the spin began: if that was short, counting the price of the
  // wake-up in, then spinning longer would have been better.
  void woke_after(duration wait) noexcept {
    if (wait < 4 * most) budget_ = most;
  }

 private:
  duration budget_;
};

}  // namespace plait::os
