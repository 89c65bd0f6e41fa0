// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How long a getter that finds a queue empty leaves it alone. In a dense stream one that keeps up loses most of its
// time, and that of the putters, over the line that they write and it looks at, item by item; after a lull it gets what
// has come at full speed. A thin stream has hardly any lull: it is as long as it would be filled with an item every 200
// ns.

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "os/spin.hpp"
#include "plait/deadline.hpp"

namespace plait::shm {

// Of one thread.
class Lull {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::nanoseconds least{200}, most{12'800};
  static constexpr std::uint64_t least_maxsize = 8;  // queues of less fill up in no time

  [[nodiscard]] std::chrono::nanoseconds length() const noexcept { return length_; }

  // Of a wait that begins now: not beyond the deadline.
  [[nodiscard]] Clock::time_point end(Clock::time_point now, Deadline deadline) const noexcept {
    return std::min(now + length_, deadline.is_never() ? Clock::time_point::max() : deadline.time());
  }

  // Waits, though not beyond the deadline, and learns from how many items there are after that: size(). `maxsize` 0:
  // without bound.
  template <class Size>
  void wait(const void* queue, std::uint64_t maxsize, Deadline deadline, Size size) noexcept {
    if (maxsize != 0 && maxsize < least_maxsize) return;
    if (queue_ != queue) length_ = least;
    queue_ = queue;
    const auto over = end(Clock::now(), deadline);
    if (length_ > 4 * least) sched_yield();  // to a putter, if one waits for this processor
    while (Clock::now() < over) os::cpu_relax();
    learn(size(), maxsize);
  }

 private:
  static constexpr std::uint64_t enough = 128;

  void learn(std::uint64_t items, std::uint64_t maxsize) noexcept {
    const auto dense = static_cast<std::uint64_t>(length_ / least);
    const bool holds_up_putters = maxsize != 0 && items > maxsize / 2;
    if (items * 2 < dense || holds_up_putters) {
      length_ = std::max(length_ / 2, least);
    } else if (items >= dense && items < enough) {
      length_ = std::min(length_ * 2, most);
    }
  }

  const void* queue_ = nullptr;  // the one it is about
  std::chrono::nanoseconds length_ = least;
};

}  // namespace plait::shm
