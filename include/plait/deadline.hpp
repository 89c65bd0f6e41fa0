// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Deadline: until when a timed call waits. Python's `timeout=` in one value type.
//
// Everything timed takes `Deadline deadline = {}`; callers pass a duration, a time point, or nothing for "for ever":
//   future.result(2s);   wait({.timeout = 100ms}, futures);   Deadline all = 5s; a.result(all); b.result(all);

#include <algorithm>
#include <chrono>

#include "plait/detail/export.hpp"

namespace plait {

// A point of the steady clock, or never. A value: it is fixed when it is made, so one Deadline bounds several calls.
//
// Differs from Python: time counts from the making of the Deadline, not from the call that gets it; time points are
// taken too; a timeout too long for the clock is no OverflowError.
class PLAIT_EXPORT Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // Never.
  constexpr Deadline() noexcept = default;

  // `timeout` from now. Zero and less: already due, which makes a timed call a poll, but for the few calls that refuse
  // less than zero with ValueError, as Python's do. Too long for the clock: never.
  // Throws ValueError: not a number.
  template <class Rep, class Period>
  Deadline(std::chrono::duration<Rep, Period> timeout)  // NOLINT(google-explicit-constructor)
      : Deadline(after(Nanoseconds(timeout).count())) {}

  // A point in the past is due already; one beyond the clock's range, such as the greatest number of hours, is never.
  template <class Duration>
  constexpr Deadline(std::chrono::time_point<Clock, Duration> time) noexcept  // NOLINT(google-explicit-constructor)
      : time_(at(time)) {}

  // The wall clock is read once, here: setting it later does not move the deadline.
  template <class Duration>
  Deadline(std::chrono::time_point<std::chrono::system_clock, Duration> time)  // NOLINT(google-explicit-constructor)
      : Deadline(std::max(Nanoseconds(0), Nanoseconds(time.time_since_epoch()) -
                                              Nanoseconds(std::chrono::system_clock::now().time_since_epoch()))) {}

  static constexpr Deadline never() noexcept { return {}; }

  constexpr bool is_never() const noexcept { return time_ == Clock::time_point::max(); }
  // Made from a timeout of less than zero.
  constexpr bool is_negative() const noexcept { return time_ == Clock::time_point::min(); }
  bool expired() const noexcept { return !is_never() && Clock::now() >= time_; }
  // The point itself; Clock::time_point::max() for never.
  constexpr Clock::time_point time() const noexcept { return time_; }
  // What is left of it, at least zero; Clock::duration::max() for never.
  Clock::duration remaining() const noexcept;

  friend constexpr bool operator==(Deadline, Deadline) noexcept = default;
  friend constexpr auto operator<=>(Deadline, Deadline) noexcept = default;

 private:
  using Nanoseconds = std::chrono::duration<long double, std::nano>;

  static Deadline after(long double nanoseconds);

  // The least time of all is kept for negative timeouts.
  template <class Duration>
  static constexpr Clock::time_point at(std::chrono::time_point<Clock, Duration> time) noexcept {
    const Nanoseconds since(time.time_since_epoch());
    if (since >= Nanoseconds(Clock::time_point::max().time_since_epoch())) return Clock::time_point::max();
    if (since <= Nanoseconds(Clock::time_point::min().time_since_epoch())) {
      return Clock::time_point::min() + Clock::duration(1);
    }
    return std::chrono::time_point_cast<Clock::duration>(time);
  }

  Clock::time_point time_ = Clock::time_point::max();
};

}  // namespace plait
