// SPDX-License-Identifier: Apache-2.0
#include "shm/semaphore.hpp"

#include <algorithm>

#include "os/backoff.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"

namespace plait::shm {
namespace {

constinit thread_local os::SpinBudget spin_budget;

}  // namespace

bool PermitWord::acquire_slow(const Until& until) noexcept {
  if (until.is_over()) return false;
  if (os::take_backing_off([this] { return try_acquire(); })) return true;
  Sleep sleep(until);
  for (;;) {
    if (try_acquire()) return true;
    if (sleep.is_over()) return false;
    std::uint32_t none = 0;
    // relaxed: says nothing but that somebody sleeps
    if (!word_.compare_exchange_strong(none, sleepers, std::memory_order_relaxed) && none != sleepers) continue;
    PLAIT_KILL_POINT("semaphore.sleeping");
    sleep.on(word_, sleepers);
    PLAIT_KILL_POINT("semaphore.woken");
  }
}

bool PermitWord::release(std::uint32_t count, std::uint32_t bound) noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  std::uint32_t now = 0;
  do {
    if (count > bound - std::min(bound, word >> 1)) return false;
    now = word + count * one;
    // release: pairs with try_acquire()
  } while (!word_.compare_exchange_weak(word, now, std::memory_order_release, std::memory_order_relaxed));
  PLAIT_KILL_POINT("semaphore.released");
  if ((now & sleepers) != 0 && wake(word_, static_cast<int>(count)) == 0) {
    word_.compare_exchange_strong(now, now & ~sleepers, std::memory_order_relaxed);
  }
  return true;
}

void EventWord::set() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  do {
    // An event that is set already has no sleepers; release: also what this one did is seen.
  } while (!word_.compare_exchange_weak(word, ((word + once) | set_bit) & ~sleepers, std::memory_order_release,
                                        std::memory_order_relaxed));
  PLAIT_KILL_POINT("event.set");
  if ((word & sleepers) != 0) wake_all(word_);
}

bool EventWord::wait_slow(const Until& until) noexcept {
  const std::uint32_t before = word_.load(std::memory_order_acquire) / once;
  // acquire: pairs with set()
  const auto was_set = [this, before] {
    const std::uint32_t word = word_.load(std::memory_order_acquire);
    return (word & set_bit) != 0 || word / once != before;
  };
  if (was_set()) return true;
  if (until.is_over()) return false;
  if (os::spin_in_seat(spin_budget, was_set)) return true;
  const auto begin = std::chrono::steady_clock::now();
  Sleep sleep(until);
  while (!was_set() && !sleep.is_over()) {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    if ((word & set_bit) != 0 || word / once != before) continue;
    if ((word & sleepers) == 0 && !word_.compare_exchange_strong(word, word | sleepers, std::memory_order_relaxed)) {
      continue;
    }
    PLAIT_KILL_POINT("event.sleeping");
    sleep.on(word_, word | sleepers);
  }
  spin_budget.woke_after(std::chrono::steady_clock::now() - begin);
  return was_set();
}

}  // namespace plait::shm
