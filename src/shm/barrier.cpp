// SPDX-License-Identifier: Apache-2.0
#include "shm/barrier.hpp"

#include "os/kill_point.hpp"

namespace plait::shm {

// The lock, and the state in order.
class BarrierState::Held {
 public:
  Held(BarrierState& barrier, OwnerId self) noexcept : guard_(barrier.lock_, self) {
    // Whoever died holding the lock may have left the number of those who came wrong.
    const bool somebody_died = barrier.death_.exchange(false, std::memory_order_acquire);
    if (guard_.was_abandoned() || somebody_died) barrier.end_round(true);
  }

 private:
  OwnerLockGuard guard_;
};

BarrierState::Arrival BarrierState::arrive(OwnerId self, const Until& until) {
  Sleep sleep(until);
  for (;;) {
    std::uint32_t round = 0;
    {
      const Held held(*this, self);
      if (broken_.load(std::memory_order_relaxed)) return {};
      if (actor_.load(std::memory_order_relaxed) == 0) {
        const int index = arrived_.load(std::memory_order_relaxed);
        if (index + 1 == parties_) {
          actor_.store(self, std::memory_order_relaxed);
          PLAIT_KILL_POINT("barrier.last");
          return {Came::last, index, nullptr};
        }
        WaiterTable::Place& place = waiters_.claim(self);
        PLAIT_KILL_POINT("barrier.claimed");
        arrived_.store(index + 1, std::memory_order_relaxed);
        return {Came::waits, index, &place};
      }
      round = rounds_.load(std::memory_order_relaxed);
    }
    if (sleep.is_over()) {
      abort(self);
      return {};
    }
    sleep.on(rounds_, round);
  }
}

bool BarrierState::await(OwnerId self, const Arrival& arrival, const Until& until) noexcept {
  WaiterTable::Place& place = *arrival.place;
  place.wait(until);
  if (place.state.load(std::memory_order_acquire) == WaiterTable::waiting) {
    const Held held(*this, self);
    // While somebody acts all are there: it comes too late.
    if (place.state.load(std::memory_order_acquire) == WaiterTable::waiting &&
        actor_.load(std::memory_order_relaxed) == 0) {
      end_round(true);
    }
  }
  if (place.state.load(std::memory_order_acquire) == WaiterTable::waiting) place.wait({});
  return place.finish() == WaiterTable::notified;
}

void BarrierState::finish_round(OwnerId self, bool broken) noexcept {
  const Held held(*this, self);
  // Not if abort(), reset() or a death has ended it meanwhile.
  if (actor_.load(std::memory_order_relaxed) == self) end_round(broken);
}

// Under the lock.
void BarrierState::end_round(bool broken) noexcept {
  if (broken) broken_.store(true, std::memory_order_relaxed);
  arrived_.store(0, std::memory_order_relaxed);
  actor_.store(0, std::memory_order_relaxed);
  PLAIT_KILL_POINT("barrier.ending");
  waiters_.notify_all(broken ? WaiterTable::broken : WaiterTable::notified);
  rounds_.fetch_add(1, std::memory_order_relaxed);
  wake_all(rounds_);
}

void BarrierState::reset(OwnerId self) noexcept {
  const Held held(*this, self);
  end_round(true);
  broken_.store(false, std::memory_order_relaxed);
}

void BarrierState::abort(OwnerId self) noexcept {
  const Held held(*this, self);
  end_round(true);
}

void BarrierState::recover(OwnerId dead) noexcept {
  const bool acted = actor_.load(std::memory_order_relaxed) == dead;
  const bool held = lock_.owner() == dead;
  const bool waited = waiters_.recover(dead, false);
  if (acted || held || waited) {
    // release: pairs with Held. Before all are woken, so that whoever comes to the lock sees it.
    death_.store(true, std::memory_order_release);
    waiters_.notify_all(WaiterTable::broken);
    rounds_.fetch_add(1, std::memory_order_relaxed);
  }
  lock_.recover(dead, false, [] {});
  wake_all(rounds_);
}

}  // namespace plait::shm
