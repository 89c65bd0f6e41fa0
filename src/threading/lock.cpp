// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/lock.hpp"

#include "os/backoff.hpp"
#include "threading/acquire_options.hpp"
#include "threading/deadlock.hpp"
#include "threading/parking_lot.hpp"

namespace plait::threading {

using parking_lot::Line;
using parking_lot::Outcome;
using parking_lot::Parked;

// Every slow path begins here.
bool Lock::is_traced() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & fresh) != 0) {
    const std::uint32_t used = (word & ~fresh) | (deadlock::is_watching() ? traced : 0);
    if (word_.compare_exchange_weak(word, used, std::memory_order_relaxed)) return (used & traced) != 0;
  }
  return (word & traced) != 0;
}

void Lock::forget() noexcept { deadlock::forget(this); }

bool Lock::acquire(const Until& until) {
  check_timeout(until);
  return take_free() || acquire_slow(until);
}

bool Lock::acquire(const AcquireOptions& options) {
  return options.blocking ? acquire(options.timeout) : try_acquire(*this, options);
}

// Whether it is traced, has waiters or not: newcomers may overtake.
bool Lock::take() noexcept {
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  while ((word & is_locked) == 0) {
    // acquire: pairs with release()
    if (word_.compare_exchange_weak(word, word | is_locked, std::memory_order_acquire, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Lock::wait_in_line(const Until& until) noexcept {
  bool was_woken = false;
  while (!os::take_backing_off([this] { return take(); })) {
    if (until.is_over()) return false;
    // has_waiters is set only here, and only under the line's lock: a release that does not see it comes before it in
    // the order of the word, so that this sees the lock free; one that sees it waits for the line and finds us in it.
    const Outcome outcome = parking_lot::park(this, was_woken, until, [this] {
      std::uint32_t word = word_.load(std::memory_order_relaxed);
      while ((word & is_locked) != 0) {
        if ((word & has_waiters) != 0 ||
            word_.compare_exchange_weak(word, word | has_waiters, std::memory_order_relaxed)) {
          return true;
        }
      }
      return false;
    });
    if (outcome == Outcome::handed_over) return true;
    if (outcome == Outcome::gave_up) return false;
    was_woken = was_woken || outcome == Outcome::woken;
  }
  return true;
}

bool Lock::acquire_slow(const Until& until) { return is_traced() ? acquire_traced(until) : wait_in_line(until); }

bool Lock::acquire_traced(const Until& until) {
  const bool may_wait = !until.is_over();
  if (may_wait) deadlock::about_to_acquire(this);
  if (!take()) {
    if (!may_wait) return false;
    if (!until.is_never()) {
      if (!wait_in_line(until)) return false;
    } else if (deadlock::Waiting waiting(this); !wait_in_line(waiting.rescue())) {
      waiting.ended();
    }
  }
  deadlock::acquired(this);
  return true;
}

bool Lock::try_lock_slow() noexcept {
  const bool is_watched = is_traced();
  if (!take()) return false;
  if (is_watched) deadlock::acquired(this);
  return true;
}

void Lock::release_slow() {
  const auto throw_not_held = [] { throw RuntimeError("release of a Lock that is not held"); };
  std::uint32_t word = word_.load(std::memory_order_relaxed);
  if ((word & is_locked) == 0) throw_not_held();
  if ((word & traced) != 0) deadlock::released(this);
  while ((word & has_waiters) == 0) {
    if ((word & is_locked) == 0) throw_not_held();
    // release: pairs with take()
    if (word_.compare_exchange_weak(word, word & ~is_locked, std::memory_order_release, std::memory_order_relaxed))
      return;
  }
  Line line(this);
  // Under the line's lock and with has_waiters set, only another release could change the word, by a thread that has no
  // business to.
  word = word_.load(std::memory_order_relaxed);
  if ((word & is_locked) == 0) throw_not_held();
  Parked* const first = line.first();
  if (first != nullptr) line.let_go(*first);
  const std::uint32_t waiters = line.first() != nullptr ? has_waiters : 0;
  const bool handed_over = first != nullptr && first->wants_hand_over;
  if (handed_over) first->handed_over = true;
  // release: pairs with take(). When this frees it, it is the last access: the next owner may destroy the lock.
  word_.store((word & traced) | waiters | (handed_over ? is_locked : 0), std::memory_order_release);
}

}  // namespace plait::threading

namespace plait::detail {

void LockAccess::reacquire(threading::Lock& lock) noexcept {
  if (lock.take_free()) return;
  if (!lock.is_traced()) return static_cast<void>(lock.wait_in_line({}));
  threading::deadlock::about_to_acquire(&lock);
  if (!lock.take()) {
    const threading::deadlock::HavingTo waiting(&lock);
    lock.wait_in_line({});
  }
  threading::deadlock::acquired(&lock);
}

}  // namespace plait::detail
