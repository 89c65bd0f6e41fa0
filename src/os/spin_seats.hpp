// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Who may spin: of the threads that wait for the same sort of thing, (processors − 1) at most, so that however many
// wait, one processor is left for those who work. On a single processor nobody spins.

#include <atomic>

#include "os/spin.hpp"

namespace plait::os {

class SpinSeats {
 public:
  constexpr SpinSeats() noexcept = default;

  // Holds a seat, if one was free.
  class Taken {
   public:
    explicit Taken(SpinSeats& seats) noexcept : seats_(seats.try_take() ? &seats : nullptr) {}
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    ~Taken() {
      if (seats_ != nullptr) seats_->free_.fetch_add(1, std::memory_order_relaxed);
    }
    explicit operator bool() const noexcept { return seats_ != nullptr; }

   private:
    SpinSeats* seats_;
  };

  // How many there are: one less than processors, when this process first asked. (If memory to find that out is
  // exhausted: one.)
  static int count() noexcept;

  // Those of the threads of this process that wait for each other. After a fork the child has them all.
  static SpinSeats& of_waiters() noexcept;

 private:
  static constexpr int not_counted = -1;

  // relaxed throughout: a counter that orders nothing
  bool try_take() noexcept {
    int seats = free_.load(std::memory_order_relaxed);
    if (seats == not_counted && free_.compare_exchange_strong(seats, count(), std::memory_order_relaxed)) {
      seats = free_.load(std::memory_order_relaxed);
    }
    while (seats > 0) {
      if (free_.compare_exchange_weak(seats, seats - 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  std::atomic<int> free_{not_counted};
};

// Spins in a seat of the waiters, as long as the budget says, until found(); true: found. Two who let each other go in
// turn are for a moment in here both: so one that finds no seat looks for a moment whether the other leaves its own.
template <class Found>
bool spin_in_seat(SpinBudget& budget, Found found) {
  constexpr int looks_for_a_seat = 64;
  for (int look = 0; look < looks_for_a_seat; ++look) {
    if (found()) return true;
    if (const SpinSeats::Taken seat(SpinSeats::of_waiters()); seat) return budget.spin(found);
    cpu_relax();
  }
  return false;
}

}  // namespace plait::os
