// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A lock between processes whose word names its owner, so that after the owner's death it can be given to the next.
//
//   word   0: free;  process << 1;  abandoned << 1;  and the lowest bit: somebody may sleep
//
//   free, abandoned ──acquire──▶ process        compare-exchange; who has slept acquires with the bit, for there may be
//   process, abandoned ──release──▶ free        others; exchange, and with the bit one sleeper is woken
//   process ──recover──▶ abandoned              by who watched it die; then all sleepers are woken
//
// Invariants (model: tests/model/owner_lock.pml): one living owner; that it was abandoned is told once; nobody is left
// asleep while it is free. The wake-up of a sleeper that dies before it acts is made up for by recover(), that of one
// that gives up by its last look.
//
// Memory order: acquire of the compare-exchange pairs with release of the exchange, and of recover()'s.

#include <cstdint>

#include "shm/heap.hpp"
#include "shm/wait.hpp"

namespace plait::shm {

class OwnerLock {
 public:
  enum class Taken : std::uint8_t { no, yes, abandoned };

  // Without waiting.
  Taken try_acquire(OwnerId self) noexcept {
    // Without a look before: where others had it last, to look would fetch its line, and to take it fetch it again.
    std::uint32_t word = 0;
    if (word_.compare_exchange_strong(word, self << 1, std::memory_order_acquire, std::memory_order_relaxed)) {
      return Taken::yes;
    }
    return take(self, 0);
  }
  // no: the time has come, or the stop.
  Taken acquire(OwnerId self, const Until& until) noexcept {
    const Taken taken = take(self, 0);
    return taken != Taken::no ? taken : acquire_slow(self, until);
  }
  // Whoever the owner is. False: it was free. On x86 a full barrier, which is made use of (os/barrier.hpp).
  bool release() noexcept {
    const std::uint32_t was = word_.exchange(0, std::memory_order_seq_cst);
    if ((was & sleepers) != 0) wake(word_, 1);
    return was >> 1 != 0;
  }
  // 0: nobody, or a dead one.
  [[nodiscard]] OwnerId owner() const noexcept {
    const OwnerId owner = word_.load(std::memory_order_relaxed) >> 1;
    return owner == abandoned ? 0 : owner;
  }
  [[nodiscard]] bool is_held() const noexcept { return word_.load(std::memory_order_relaxed) >> 1 != 0; }

  // After `dead` has died. If it owned the lock: `repair` is called while the word still says so, that is, while
  // nobody else can own it; then the lock is `abandoned` or, if that need not be told, free.
  template <class Repair>
  void recover(OwnerId dead, bool is_told, Repair repair) noexcept {
    if (owner() == dead) {
      repair();
      give_up(dead, is_told ? abandoned : 0);
    }
    wake_all(word_);
  }

 private:
  static constexpr OwnerId abandoned = 0x7fff'ffff;
  static constexpr std::uint32_t sleepers = 1;

  Taken take(OwnerId self, std::uint32_t also) noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    while (word >> 1 == 0 || word >> 1 == abandoned) {
      if (word_.compare_exchange_weak(word, self << 1 | (word & sleepers) | also, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return word >> 1 == 0 ? Taken::yes : Taken::abandoned;
      }
    }
    return Taken::no;
  }
  Taken acquire_slow(OwnerId self, const Until& until) noexcept;
  void give_up(OwnerId dead, OwnerId to) noexcept;
  // False: it is free.
  bool mark_sleepers(std::uint32_t& word) noexcept;

  Word word_{0};
};

// Held while it lives, for ever if need be; for what is never abandoned with a repair to do.
class OwnerLockGuard {
 public:
  OwnerLockGuard(OwnerLock& lock, OwnerId self) noexcept : lock_(lock) {
    was_abandoned_ = lock.acquire(self, {}) == OwnerLock::Taken::abandoned;
  }
  OwnerLockGuard(const OwnerLockGuard&) = delete;
  OwnerLockGuard& operator=(const OwnerLockGuard&) = delete;
  ~OwnerLockGuard() { lock_.release(); }
  [[nodiscard]] bool was_abandoned() const noexcept { return was_abandoned_; }

 private:
  OwnerLock& lock_;
  bool was_abandoned_;
};

}  // namespace plait::shm
