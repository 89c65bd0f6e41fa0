// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/semaphore.hpp"

#include <string>

#include "os/backoff.hpp"
#include "threading/acquire_options.hpp"
#include "threading/parking_lot.hpp"

namespace plait::threading {

using parking_lot::Line;
using parking_lot::Outcome;
using parking_lot::Parked;

Semaphore::Semaphore(std::int64_t value, std::int64_t most)
    : word_(static_cast<std::uint64_t>(value) * one), most_(static_cast<std::uint64_t>(most) * one) {
  if (value < 0 || value > most_permits) {
    throw ValueError("a semaphore's initial value must be 0 or more, not " + std::to_string(value));
  }
}

bool Semaphore::acquire(const AcquireOptions& options) {
  return options.blocking ? acquire(options.timeout) : try_acquire(*this, options);
}

bool Semaphore::acquire_slow(const Until& until) {
  bool was_woken = false;
  while (!os::take_backing_off([this] { return try_lock(); })) {
    if (until.is_over()) return false;
    // As with Lock: who does not see has_waiters has given a permit that this sees.
    const Outcome outcome = parking_lot::park(this, was_woken, until, [this] {
      std::uint64_t word = word_.load(std::memory_order_relaxed);
      while (word < one) {
        if (word == has_waiters || word_.compare_exchange_weak(word, has_waiters, std::memory_order_relaxed))
          return true;
      }
      return false;
    });
    if (outcome == Outcome::handed_over) return true;
    if (outcome == Outcome::gave_up) return false;
    was_woken = was_woken || outcome == Outcome::woken;
  }
  return true;
}

void Semaphore::release(std::int64_t n) {
  if (n < 1) throw ValueError("release: must give back 1 or more, not " + std::to_string(n));
  const auto permits = static_cast<std::uint64_t>(n);
  const auto check = [&](std::uint64_t word) {
    if (permits > (most_ - (word & ~has_waiters)) / one) throw ValueError("semaphore released too many times");
  };
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while ((word & has_waiters) == 0) {
    check(word);
    // release: pairs with try_lock()
    if (word_.compare_exchange_weak(word, word + permits * one, std::memory_order_release, std::memory_order_relaxed)) {
      return;
    }
  }
  Line line(this);
  // Those who will be let go, and how many of them are handed a permit that so is nobody else's.
  std::uint64_t handed_over = 0, let_go = 0;
  const Parked* next = line.first();
  for (; next != nullptr && let_go < permits; next = line.after(*next), ++let_go) {
    if (next->wants_hand_over) ++handed_over;
  }
  const std::uint64_t waiters = next != nullptr ? has_waiters : 0;
  word = word_.load(std::memory_order_relaxed);
  // release: pairs with try_lock(). The last access: who takes the permit may destroy the semaphore.
  do {
    check(word);
  } while (!word_.compare_exchange_weak(word, ((word & ~has_waiters) + (permits - handed_over) * one) | waiters,
                                        std::memory_order_release, std::memory_order_relaxed));
  for (; let_go > 0; --let_go) {
    Parked* const waiter = line.first();
    waiter->handed_over = waiter->wants_hand_over;
    line.let_go(*waiter);
  }
}

}  // namespace plait::threading
