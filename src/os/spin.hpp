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

// How long its owner may spin. Grows while spinning finds what it waits for, shrinks while it does not: a budget
// that never pays ends at `least`. Not thread-safe.
class SpinBudget {
 public:
  using duration = std::chrono::nanoseconds;
  static constexpr duration least{20'000};
  static constexpr duration most{50'000};

  explicit SpinBudget(duration budget = most) noexcept : budget_(std::clamp(budget, least, most)) {}

  [[nodiscard]] duration current() const noexcept { return budget_; }

  // Looks until found() or the budget is spent; true: found. Gives way to other threads now and then.
  template <class Found>
  bool spin(Found found) {
    constexpr int looks_per_round = 32;
    const auto end = std::chrono::steady_clock::now() + budget_;
    do {
      for (int look = 0; look < looks_per_round; ++look) {
        if (found()) {
          budget_ = std::min(budget_ * 2, most);
          return true;
        }
        cpu_relax();
      }
      sched_yield();
    } while (std::chrono::steady_clock::now() < end);
    budget_ = std::max(budget_ / 2, least);
    return false;
  }

 private:
  duration budget_;
};

}  // namespace plait::os
