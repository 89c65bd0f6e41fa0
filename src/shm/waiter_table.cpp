// SPDX-License-Identifier: Apache-2.0
#include "shm/waiter_table.hpp"

#include "os/kill_point.hpp"
#include "os/spin.hpp"

namespace plait::shm {
namespace {

constinit thread_local os::SpinBudget spin_budget;

}  // namespace

void WaiterTable::Place::wait(const Until& until) noexcept {
  // acquire: pairs with the compare-exchange of who notifies
  const auto is_notified = [this] { return state.load(std::memory_order_acquire) != waiting; };
  if (until.is_over() || os::spin_in_seat(spin_budget, is_notified)) return;
  const auto begin = std::chrono::steady_clock::now();
  for (Sleep sleep(until); !is_notified() && !sleep.is_over();) sleep.on(state, waiting);
  spin_budget.woke_after(std::chrono::steady_clock::now() - begin);
}

WaiterTable::State WaiterTable::Place::finish() noexcept {
  const auto result = static_cast<State>(state.exchange(free, std::memory_order_acquire));
  PLAIT_KILL_POINT("waiters.finishing");
  owner.store(0, std::memory_order_release);  // pairs with claim()
  return result;
}

WaiterTable::Place& WaiterTable::claim(OwnerId self) {
  Place& place = places_.take([self](Place& free_one) {
    OwnerId nobody = 0;
    // acquire: pairs with finish(), so that `free` is seen
    return free_one.owner.load(std::memory_order_relaxed) == 0 &&
           free_one.owner.compare_exchange_strong(nobody, self, std::memory_order_acquire, std::memory_order_relaxed);
  });
  PLAIT_KILL_POINT("waiters.claiming");
  place.ticket.store(tickets_.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
  place.state.store(waiting, std::memory_order_release);  // the ticket, for recover()
  return place;
}

WaiterTable::Place* WaiterTable::first_waiting() noexcept {
  Place* first = nullptr;
  places_.for_each([&first](Place& place) {
    if (place.state.load(std::memory_order_acquire) != waiting) return;  // acquire: the ticket
    if (first == nullptr ||
        place.ticket.load(std::memory_order_relaxed) < first->ticket.load(std::memory_order_relaxed)) {
      first = &place;
    }
  });
  return first;
}

std::int64_t WaiterTable::notify(std::int64_t n) noexcept {
  std::int64_t count = 0;
  while (count < n) {
    Place* const place = first_waiting();
    if (place == nullptr) break;
    std::uint32_t was = waiting;
    // release: what the notifier did, for the waiter
    if (!place->state.compare_exchange_strong(was, notified, std::memory_order_release, std::memory_order_relaxed)) {
      continue;  // recover() was quicker
    }
    PLAIT_KILL_POINT("waiters.notifying");
    wake_all(place->state);
    ++count;
  }
  return count;
}

void WaiterTable::notify_all(State result) noexcept {
  places_.for_each([result](Place& place) {
    std::uint32_t was = waiting;
    if (!place.state.compare_exchange_strong(was, result, std::memory_order_release, std::memory_order_relaxed)) return;
    PLAIT_KILL_POINT("waiters.notifying");
    wake_all(place.state);
  });
}

bool WaiterTable::recover(OwnerId dead, bool pass_on) noexcept {
  bool waited = false;
  std::int64_t notifications = 0;
  places_.for_each([&](Place& place) {
    if (place.owner.load(std::memory_order_relaxed) == dead) {
      const auto state = place.state.exchange(free, std::memory_order_acquire);
      waited = waited || state == waiting;
      if (state == notified && pass_on) ++notifications;
      place.owner.store(0, std::memory_order_release);
    } else {
      wake_all(place.state);  // it may have been notified by the dead one, and not been woken
    }
  });
  notify(notifications);
  return waited;
}

}  // namespace plait::shm
