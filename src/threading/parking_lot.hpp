// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Lines of threads that wait for an object of a few bytes, found by its address; the lines themselves are elsewhere, in
// a table of the process. So the objects stay small, and who lets a waiter go needs the object no more: the waiter may
// destroy it. (WebKit's WTF::ParkingLot is where the idea is from.)
//
// A child made by fork finds all lines empty.

#include <mutex>

#include "plait/detail/waiter.hpp"
#include "plait/until.hpp"

namespace plait::threading::parking_lot {

struct Parked : detail::Waiter {
  Parked(const void* waits_for, bool fairly) noexcept : address(waits_for), wants_hand_over(fairly) {}

  const void* const address;
  const bool wants_hand_over;  // it has been woken before, and came too late
  bool handed_over = false;    // what it waits for is its own now
};

struct Bucket;

// The line of an address, locked while this lives; those it let go are woken when it is unlocked again.
class Line {
 public:
  explicit Line(const void* address);

  // The one that has waited longest, or null.
  [[nodiscard]] Parked* first() const noexcept;
  // The one behind it, or null.
  [[nodiscard]] Parked* after(const Parked& parked) const noexcept;
  // At the end; at the head, if it wants to be handed what it waits for.
  void join(Parked& parked) noexcept;
  void leave(Parked& parked) noexcept;
  // Takes it out of the line and wakes it.
  void let_go(Parked& parked) noexcept;

 private:
  const void* const address_;
  Bucket& bucket_;
  detail::WakeChain woken_;  // before the lock, so that it is destroyed after it
  std::unique_lock<std::mutex> lock_;
};

enum class Outcome { refused, woken, handed_over, gave_up };

// Waits in the line of `address`, if `may_wait()` says so when the line is locked.
template <class MayWait>
Outcome park(const void* address, bool wants_hand_over, const Until& until, MayWait may_wait) {
  Parked self(address, wants_hand_over);
  {
    Line line(address);
    if (!may_wait()) return Outcome::refused;
    line.join(self);
  }
  if (!self.wait(until)) {
    {
      Line line(address);
      if (self.is_linked()) {
        line.leave(self);
        return Outcome::gave_up;
      }
    }
    self.await_wake();
  }
  return self.handed_over ? Outcome::handed_over : Outcome::woken;
}

}  // namespace plait::threading::parking_lot
