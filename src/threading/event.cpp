// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/event.hpp"

#include "threading/parking_lot.hpp"

namespace plait::threading {

using parking_lot::Line;
using parking_lot::Outcome;
using parking_lot::Parked;

void Event::set() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & has_waiters) == 0) {
    // release: pairs with is_set()
    if (word_.compare_exchange_weak(word, flag, std::memory_order_release, std::memory_order_relaxed)) return;
  }
  Line line(this);
  // The last access to this event: who sees the flag may destroy it. has_waiters is set under the line's lock, so all
  // who set it are in the line. release: as above
  // An exchange, so that who sees the flag also sees what came before a set() that was earlier.
  word_.exchange(flag, std::memory_order_release);
  while (Parked* const waiter = line.first()) line.let_go(*waiter);
}

bool Event::wait_slow(const Until& until) {
  if (until.is_over()) return false;
  const Outcome outcome = parking_lot::park(this, false, until, [this] {
    // acquire: pairs with set(), if it has come; who is woken has its order from that
    std::uint32_t word = word_.load(std::memory_order_acquire);
    while ((word & flag) == 0) {
      if (word_.compare_exchange_weak(word, has_waiters, std::memory_order_acquire)) return true;
    }
    return false;
  });
  return outcome != Outcome::gave_up;
}

}  // namespace plait::threading
