// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How long a worker that finds its lane empty leaves it alone, as a getter of a queue does (shm/lull.hpp). One that
// keeps up with a dense stream looks at each slot while the master is about to fill it, so that the line goes back and
// forth between the two for every task; after a lull it runs what has come at full speed. Who sends but one task and
// waits for it is not to be kept waiting: a lull that has brought no more than one is not repeated for a while.

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "os/spin.hpp"

namespace plait::pool {

// Of one worker.
class TaskLull {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::nanoseconds least{250}, most{4'000};
  static constexpr std::uint32_t most_skipped = 512;

  [[nodiscard]] std::chrono::nanoseconds length() const noexcept { return length_; }
  // So many empty lanes will be looked at again at once.
  [[nodiscard]] std::uint32_t skips() const noexcept { return skips_; }

  // A task was found.
  void count_task() noexcept { ++tasks_; }
  // There is no other: learns what the last lull has brought, and waits, if it is not to be skipped, until over().
  template <class Over>
  void wait(Over over) noexcept {
    learn_from(std::exchange(tasks_, 0));
    if (skips_ > 0) {
      --skips_;
      return;
    }
    const auto end = Clock::now() + length_;
    if (length_ > yields_from && !over()) sched_yield();  // to who sends, or to another worker
    while (!over()) {
      if (Clock::now() >= end) {
        has_waited_ = true;
        return;
      }
      os::cpu_relax();
    }
  }

 private:
  static constexpr std::chrono::nanoseconds yields_from{1'000};
  static constexpr std::uint64_t enough = 128;

  void learn_from(std::uint64_t tasks) noexcept {
    if (!std::exchange(has_waited_, false)) return;
    if (tasks < 2) {
      last_skips_ = std::min(2 * last_skips_ + 1, most_skipped);
      skips_ = last_skips_;
      length_ = least;
      return;
    }
    last_skips_ = 0;
    const auto dense = static_cast<std::uint64_t>(length_ / least);
    if (tasks < dense) {
      length_ = std::max(length_ / 2, least);
    } else if (tasks >= 2 * dense && tasks < enough) {
      length_ = std::min(length_ * 2, most);
    }
  }

  std::chrono::nanoseconds length_ = least;
  std::uint64_t tasks_ = 0;  // since the last empty lane
  bool has_waited_ = false;  // there was a lull then, to its end
  std::uint32_t skips_ = 0;
  std::uint32_t last_skips_ = 0;
};

}  // namespace plait::pool
