// SPDX-License-Identifier: Apache-2.0
#include "plait/deadline.hpp"

#include <cmath>

#include "plait/errors.hpp"

namespace plait {

Deadline Deadline::after(long double nanoseconds) {
  if (std::isnan(nanoseconds)) throw ValueError("a timeout must be a number, not NaN");
  if (nanoseconds < 0) {
    Deadline negative;
    negative.time_ = Clock::time_point::min();
    return negative;
  }
  if (nanoseconds == 0) return Clock::time_point{};  // past: a poll with it needs no look at the clock
  auto now = Clock::now();
  auto longest = (Clock::time_point::max() - now).count();
  if (nanoseconds >= static_cast<long double>(longest)) return never();
  return now + Clock::duration(static_cast<Clock::rep>(std::ceil(nanoseconds)));
}

Deadline::Clock::duration Deadline::remaining() const noexcept {
  if (is_never()) return Clock::duration::max();
  const auto now = Clock::now();  // subtracted last: from the smallest of times it would overflow
  return time_ <= now ? Clock::duration::zero() : time_ - now;
}

}  // namespace plait
