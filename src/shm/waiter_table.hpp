// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Those who wait at a condition or a barrier, in order, each with a word of its own; for processes that may die.
//
//   free ──claim──▶ waiting ──notify──▶ notified ──finish──▶ free        the result is what it was notified with
//                      │                                      ▲
//                      └──────────── gives up ────────────────┘
//
// claim and notify are called under a lock of the caller's, so a waiter that has been claimed before a notify is seen
// by it. Whatever a waiter finds in its own word when it has taken that lock again is final: nobody else notifies then.
//
// recover(dead): the dead one's places are free; a notification that it had got and may not have acted upon is passed
// on to the one that has waited longest, so that none is lost. It may be one too many, which a waiter must bear anyway.
// recover() runs without the lock; all it does is single compare-exchanges of words.

#include <atomic>
#include <cstdint>

#include "shm/heap.hpp"
#include "shm/page_list.hpp"
#include "shm/wait.hpp"

namespace plait::shm {

class WaiterTable {
 public:
  enum State : std::uint32_t { free, waiting, notified, broken };

  struct Place {
    Word state{free};
    std::atomic<OwnerId> owner{0};
    std::atomic<std::uint64_t> ticket{0};

    // Spins for a moment, then sleeps, until notified or over.
    void wait(const Until& until) noexcept;
    // The waiter's last: with the lock taken again. What it was notified with, or `waiting`.
    State finish() noexcept;
  };

  // The caller is the last in the line from now on. Throws OutOfSharedMemory.
  Place& claim(OwnerId self);

  // The n that have waited longest. Returns how many there were.
  std::int64_t notify(std::int64_t n) noexcept;
  // All, with this result.
  void notify_all(State result) noexcept;

  // True: the dead one was waiting. `pass_on`: its notification, if it had one.
  bool recover(OwnerId dead, bool pass_on) noexcept;

  // Frees what it has allocated.
  void clear() noexcept { places_.clear(); }

 private:
  Place* first_waiting() noexcept;

  std::atomic<std::uint64_t> tickets_{0};
  PageList<Place, 14> places_;
};

}  // namespace plait::shm
