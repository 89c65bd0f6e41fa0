// SPDX-License-Identifier: Apache-2.0
#include "shm/owner_lock.hpp"

#include "os/backoff.hpp"
#include "os/kill_point.hpp"

namespace plait::shm {

OwnerLock::Taken OwnerLock::acquire_slow(OwnerId self, const Until& until) noexcept {
  if (until.is_over()) return Taken::no;
  Taken taken = Taken::no;
  if (os::take_backing_off([&] { return (taken = take(self, 0)) != Taken::no; })) return taken;
  Sleep sleep(until);
  for (bool has_slept = false;; has_slept = true) {
    std::uint32_t word = 0;
    do {
      taken = take(self, has_slept ? sleepers : 0);
      if (taken != Taken::no) return taken;
      if (sleep.is_over() && !has_slept) return Taken::no;
      // Who gives up may have been woken, and others not: so the mark is made in any case.
    } while (!mark_sleepers(word));
    if (sleep.is_over()) return Taken::no;
    PLAIT_KILL_POINT("lock.sleeping");
    sleep.on(word_, word);
    PLAIT_KILL_POINT("lock.woken");
  }
}

bool OwnerLock::mark_sleepers(std::uint32_t& word) noexcept {
  word = word_.load(std::memory_order_relaxed);
  while (word >> 1 != 0 && word >> 1 != abandoned) {
    if ((word & sleepers) != 0) return true;
    if (word_.compare_exchange_weak(word, word | sleepers, std::memory_order_relaxed)) {
      word |= sleepers;
      return true;
    }
  }
  return false;
}

void OwnerLock::give_up(OwnerId dead, OwnerId to) noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while (word >> 1 == dead) {
    // release: what was repaired, and what the dead had written, as far as it got
    if (word_.compare_exchange_weak(word, to << 1 | (word & sleepers), std::memory_order_release,
                                    std::memory_order_relaxed)) {
      return;
    }
  }
}

}  // namespace plait::shm
