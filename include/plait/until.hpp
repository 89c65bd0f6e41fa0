// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Until: how long a blocking call of plait::threading and plait::queue waits: until a deadline, until a stop is
// requested, whichever comes first, or for ever. Python has the timeout only.
//
//   lock.acquire(2s);   event.wait(token);   queue.get({.timeout = {2s, token}});   condition.wait();
//
// A requested stop ends a wait just as a deadline does: what reports a timeout by returning false or by throwing Empty
// reports the stop so too.

#include <chrono>
#include <stop_token>
#include <utility>

#include "plait/deadline.hpp"

namespace plait {

class Until {
 public:
  // For ever.
  Until() noexcept = default;

  // Not explicit, so that calls read as above. As Deadline's constructors; throws what they throw.
  Until(Deadline deadline) noexcept : deadline_(deadline) {}  // NOLINT(google-explicit-constructor)
  template <class Rep, class Period>
  Until(std::chrono::duration<Rep, Period> timeout) : deadline_(timeout) {}  // NOLINT(google-explicit-constructor)
  template <class Clock, class Duration>
  Until(std::chrono::time_point<Clock, Duration> time) : deadline_(time) {}  // NOLINT(google-explicit-constructor)

  // NOLINTNEXTLINE(google-explicit-constructor)
  Until(std::stop_token stop) noexcept : stop_(std::move(stop)) {}
  Until(Deadline deadline, std::stop_token stop) noexcept : deadline_(deadline), stop_(std::move(stop)) {}

  Deadline deadline() const noexcept { return deadline_; }
  const std::stop_token& stop() const noexcept { return stop_; }

  bool is_never() const noexcept { return deadline_.is_never() && !stop_.stop_possible(); }
  // The time has come, or the stop.
  bool is_over() const noexcept { return stop_.stop_requested() || deadline_.expired(); }

 private:
  Deadline deadline_;
  std::stop_token stop_;
};

}  // namespace plait
