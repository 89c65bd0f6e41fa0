// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Who may spin: threads that wait for a future take one of (processors − 1) seats of the process first, so that however
// many wait, one processor is left for those who work. On a single processor nobody spins.

#include <atomic>

#include "plait/os.hpp"

namespace plait::futures {

// Holds a seat, if one was free.
class SpinSeat {
 public:
  SpinSeat() noexcept : taken_(try_take()) {}
  SpinSeat(const SpinSeat&) = delete;
  SpinSeat& operator=(const SpinSeat&) = delete;
  ~SpinSeat() {
    if (taken_) free_seats().fetch_add(1, std::memory_order_relaxed);
  }
  explicit operator bool() const noexcept { return taken_; }

 private:
  // relaxed throughout: a counter that orders nothing
  static std::atomic<int>& free_seats() {
    static std::atomic<int> seats{os::process_cpu_count() - 1};
    return seats;
  }
  static bool try_take() noexcept {
    int seats = free_seats().load(std::memory_order_relaxed);
    while (seats > 0) {
      if (free_seats().compare_exchange_weak(seats, seats - 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  bool taken_;
};

}  // namespace plait::futures
