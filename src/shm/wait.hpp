// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting for a word of the shared heap to change: asleep, until woken, until a deadline, or until a stop is requested.

#include <atomic>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>

#include "os/futex.hpp"
#include "os/spin_seats.hpp"
#include "plait/until.hpp"

namespace plait::shm {

using Word = std::atomic<std::uint32_t>;

// All the sleeps of one wait. Whoever was woken looks again, whatever else has happened meanwhile: a wake-up promises
// nothing, and none is lost when it comes together with the end of the time.
class Sleep {
 public:
  explicit Sleep(const Until& until);
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  ~Sleep();

  // The time has come, or the stop.
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

  // Sleeps while `word` is `expected`, until woken; for no reason at times.
  void on(const Word& word, std::uint32_t expected) noexcept;
  // While each of the words, at most most_words, is what is expected of it.
  static constexpr std::size_t most_words = os::most_futex_words - 1;  // one is for the stop
  void on_any(std::span<const os::FutexWord> words) noexcept;

 private:
  struct OnStop {
    Sleep& sleep;
    void operator()() const noexcept;
  };

  bool is_over_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  Word stopped_{0};
  std::optional<std::stop_callback<OnStop>> callback_;  // last: it is destroyed first, and waits for a call under way
};

inline int wake(const Word& word, int count) noexcept { return os::futex_wake(word, count, os::Scope::shared); }
inline void wake_all(const Word& word) noexcept { wake(word, INT_MAX); }

// A word on which those sleep who wait for something that is told elsewhere: in the counts of a queue, say.
//
// The lowest bit says that somebody may be asleep, the others count how often the word was taken. Who wants to sleep
// announces it, then looks once more, then sleeps on what announce() said; who has changed something looks whether the
// bit is there, takes it, and wakes. seq_cst: at least one of them sees the other. The count is for one who is just
// about to sleep when the word is taken and announced again by another: he sees that, and looks again.
class SleepersWord {
 public:
  // What to sleep on.
  [[nodiscard]] std::uint32_t announce() noexcept { return word_.fetch_or(some, std::memory_order_seq_cst) | some; }
  void sleep(Sleep& sleep, std::uint32_t announced) const noexcept { sleep.on(word_, announced); }
  // For a sleep on several.
  [[nodiscard]] os::FutexWord to_sleep_on(std::uint32_t announced) const noexcept {
    return {&word_, announced, os::Scope::shared};
  }

  // True: somebody may be asleep, and the caller is the one to wake.
  [[nodiscard]] bool take() noexcept {
    std::uint32_t word = word_.load(std::memory_order_seq_cst);
    while ((word & some) != 0) {
      if (word_.compare_exchange_weak(word, (word + once) & ~some, std::memory_order_seq_cst)) return true;
    }
    return false;
  }
  void wake_one() const noexcept { wake(word_, 1); }
  // By who has slept on it and goes on, for whatever reason, in place of a waker who could not know: says again that
  // some may be asleep, and if there is something for them wakes the next.
  template <class Ready>
  void pass_on(Ready is_ready) noexcept {
    static_cast<void>(announce());
    if (is_ready() && take()) wake_one();
  }
  // Everybody, also who is only about to sleep.
  void broadcast() noexcept {
    word_.fetch_add(once, std::memory_order_seq_cst);
    wake_all(word_);
  }

 private:
  static constexpr std::uint32_t some = 1, once = 2;

  Word word_{0};
};

}  // namespace plait::shm
