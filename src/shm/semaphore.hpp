// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A semaphore and an event between processes: one word each, so no death leaves them half done. What a dead process
// took from a semaphore is not given back: nobody knows whose it was.

#include <cstdint>

#include "shm/wait.hpp"

namespace plait::shm {

// The word: permits << 1, and whether somebody may sleep. Sleepers sleep only while there are no permits.
//
// No wake-up is lost: a release leaves the mark and wakes as many as it gives; each that was woken tries before it does
// anything else. A release that wakes nobody takes the mark away, unless the word has changed: who was about to sleep
// finds a word with permits. A woken one that dies first is made up for by recover().
class PermitWord {
 public:
  static constexpr std::uint32_t most = 0x7fff'ffff;

  explicit PermitWord(std::uint32_t permits) noexcept : word_(permits << 1) {}

  [[nodiscard]] std::uint32_t permits() const noexcept { return word_.load(std::memory_order_relaxed) >> 1; }
  bool try_acquire() noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    while (word >= one) {
      // acquire: pairs with release()
      if (word_.compare_exchange_weak(word, word - one, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  bool acquire(const Until& until) noexcept { return try_acquire() || acquire_slow(until); }
  // False: there would be more than `bound`.
  bool release(std::uint32_t count, std::uint32_t bound) noexcept;
  void recover() noexcept { wake_all(word_); }

 private:
  static constexpr std::uint32_t sleepers = 1, one = 2;
  bool acquire_slow(const Until& until) noexcept;

  Word word_;
};

// The word: how often it was set, and the marks `set` and `sleepers`. set() changes it in one step for all who wait, so
// that they see it though it is cleared again at once.
class EventWord {
 public:
  [[nodiscard]] bool is_set() const noexcept { return (word_.load(std::memory_order_acquire) & set_bit) != 0; }
  void set() noexcept;
  void clear() noexcept { word_.fetch_and(~set_bit, std::memory_order_relaxed); }
  bool wait(const Until& until) noexcept { return is_set() || wait_slow(until); }
  void recover() noexcept { wake_all(word_); }

 private:
  static constexpr std::uint32_t set_bit = 1, sleepers = 2, once = 4;
  bool wait_slow(const Until& until) noexcept;

  Word word_{0};
};

}  // namespace plait::shm
