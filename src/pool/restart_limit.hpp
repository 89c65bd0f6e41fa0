// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How often workers may die without having done anything before the pool gives up: a restart intensity, as Erlang's
// supervisors have it. A worker that dies in a task does not count: each such death consumes a task, so it cannot
// go on for ever.

#include <chrono>
#include <cstddef>
#include <deque>

namespace plait::pool {

class RestartLimit {
 public:
  using Clock = std::chrono::steady_clock;

  RestartLimit(std::size_t deaths, Clock::duration period) : deaths_(deaths), period_(period) {}

  // Counts a death at `now`; true: it is one too many.
  bool exceeded_by_death_at(Clock::time_point now) {
    recent_.push_back(now);
    while (recent_.front() + period_ < now) recent_.pop_front();
    return recent_.size() > deaths_;
  }

 private:
  std::size_t deaths_;
  Clock::duration period_;
  std::deque<Clock::time_point> recent_;
};

}  // namespace plait::pool
