// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the queues between threads have in common and what does not depend on the type of the items: locks, counts, who
// waits. docs/design/queue.md has the protocol and why no wake-up is lost.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "plait/detail/export.hpp"
#include "plait/detail/waiter.hpp"
#include "plait/threading/lock.hpp"
#include "plait/until.hpp"

namespace plait::detail {

inline const Until no_wait{Deadline(Deadline::Clock::time_point{})};

enum class QueueOutcome : std::uint8_t { ready, over, shut_down };

// Who puts holds the put lock, who takes the take lock. Where the items have two ends, as in a FIFO, these are two
// locks, and the two sides meet only when the takers have used up what they know of, or the putters the room they know
// of (`two_ended` is true). Else both are the put lock. Order of locks: take, put, tasks, wait. With PLAIT_DEADLOCK=1
// what acquires the put or the take lock may throw DeadlockError, and then holds neither.
//
// A call is: lock_for_put() or lock_for_take(); if that says `ready`, put or take one item; then did_put() or took()
// or, if the item threw, did_not_put() or did_not_take(), which give the lock up. These touch nothing of the queue
// after that: whoever takes the item may destroy the queue.
class PLAIT_EXPORT QueueCore {
 public:
  // `size` items are there already, as if put.
  explicit QueueCore(std::int64_t maxsize, std::size_t size = 0) noexcept;
  // Without bound, and what holds its locks runs nothing of the user's: no call throws DeadlockError, and those that
  // lock throw nothing.
  explicit QueueCore(Untraced untraced) noexcept;
  QueueCore(const QueueCore&) = delete;
  QueueCore& operator=(const QueueCore&) = delete;
  ~QueueCore() = default;

  // `ready`: the lock is held and there is room. `over`: there was none in time. `until` null: for ever.
  template <bool two_ended>
  [[nodiscard]] QueueOutcome lock_for_put(const Until* until) {
    put_lock_.acquire();
    if constexpr (two_ended) {
      if (puts_.load(std::memory_order_relaxed) < known_room_) return QueueOutcome::ready;
    } else {
      if (size_unlocked() < bound_) return QueueOutcome::ready;
    }
    return await_room(until);
  }
  // `ready`: the lock is held and there is an item. `over`: there was none in time.
  template <bool two_ended>
  [[nodiscard]] QueueOutcome lock_for_take(const Until* until) {
    take_lock<two_ended>().acquire();
    if constexpr (two_ended) {
      if (takes_.load(std::memory_order_relaxed) != known_puts_) return QueueOutcome::ready;
    } else {
      if (size_unlocked() != 0) return QueueOutcome::ready;
    }
    return await_item(until, two_ended);
  }

  // For containers whose taker needs the end where items are put.
  threading::Lock& put_lock() noexcept { return put_lock_; }

  // For two ends. The store and the load after it are seq_cst: with those of who begins to wait, one of the two sees
  // the other.
  void did_put() noexcept {
    puts_.store(puts_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    if (takers_wait_.load(std::memory_order_seq_cst)) return put_and_wake();
    put_lock_.release();
  }
  void took() noexcept {
    takes_.store(takes_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    if (putters_wait_.load(std::memory_order_seq_cst)) return take_and_wake();
    take_lock_.release();
  }
  // The same for a queue that never has a bound: nobody waits for room.
  void took_unbounded() noexcept {
    takes_.store(takes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // pairs with size()
    take_lock_.release();
  }
  void did_not_put() noexcept;
  void did_not_take() noexcept;
  // An item that took_unbounded() has counted goes back: it is put there between these two.
  void lock_for_untake() { take_lock_.acquire(); }
  void untake() noexcept;

  // For one end: `size` is what the container now says, whatever has been done to it.
  void did_put(std::size_t size) noexcept { settle(size, puts_.load(std::memory_order_relaxed) + 1); }
  void did_not_put(std::size_t size) noexcept { settle(size, puts_.load(std::memory_order_relaxed)); }
  void took(std::size_t size) noexcept { settle(size, puts_.load(std::memory_order_relaxed)); }

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::int64_t maxsize() const noexcept { return maxsize_.load(std::memory_order_relaxed); }
  void set_maxsize(std::int64_t maxsize);

  [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_.load(std::memory_order_acquire); }
  // shutdown, the first and the last part: in between `dropped` items have been removed.
  template <bool two_ended>
  void lock_all() {
    if constexpr (two_ended) {
      lock_both();
    } else {
      put_lock_.acquire();
    }
  }
  template <bool two_ended>
  void shut_down_and_unlock(std::size_t dropped) noexcept {
    shut_down_and_unlock(dropped, two_ended);
  }

  // Throws ValueError: more of them than puts.
  void task_done();
  [[nodiscard]] bool join(const Until& until);
  [[nodiscard]] std::size_t unfinished_tasks() const;

  // ValueError for a timeout below zero, or ShutDown if the queue has been.
  [[noreturn]] void refuse_timeout_of_put();
  [[noreturn]] void refuse_timeout_of_get();

 private:
  using Count = std::uint64_t;
  static constexpr Count unlimited = std::numeric_limits<Count>::max();

  template <bool two_ended>
  threading::Lock& take_lock() noexcept {
    return two_ended ? take_lock_ : put_lock_;
  }
  threading::Lock& take_lock(bool two_ended) noexcept { return two_ended ? take_lock_ : put_lock_; }
  Count size_unlocked() const noexcept {
    return puts_.load(std::memory_order_relaxed) - takes_.load(std::memory_order_relaxed);
  }

  QueueOutcome await_room(const Until* limit);
  QueueOutcome await_item(const Until* limit, bool two_ended);
  bool look_for_room() noexcept;
  QueueOutcome look_for_item(bool two_ended);
  void lock_both();
  void lock_again(threading::Lock& lock, WaiterList& list, std::atomic<bool>& flag);
  template <class MustWait>
  void sleep(WaiterList& list, std::atomic<bool>& flag, const Until& until, threading::Lock& held,
             MustWait must_wait) noexcept;
  void pass_on(WaiterList& list, std::atomic<bool>& flag) noexcept;
  static void let_go(WaiterList& list, std::atomic<bool>& flag, WakeChain& chain) noexcept;
  static void let_all_go(WaiterList& list, std::atomic<bool>& flag, WakeChain& chain) noexcept;
  void put_and_wake() noexcept;
  void take_and_wake() noexcept;
  void settle(std::size_t size, Count puts) noexcept;
  void shut_down_and_unlock(std::size_t dropped, bool two_ended) noexcept;

  static constexpr std::size_t line = 64;  // what processors pass to and fro

  // Written by who puts.
  alignas(line) threading::Lock put_lock_;
  std::atomic<Count> puts_{0};  // ever
  Count known_room_;            // puts_ may come to this much, at least; 0 after shutdown
  Count bound_;                 // maxsize, or unlimited; 0 after shutdown

  // Written by who takes.
  alignas(line) threading::Lock take_lock_;
  std::atomic<Count> takes_{0};  // ever, in two-ended ones; else puts_ less what is there
  Count known_puts_ = 0;         // puts_ is this much, at least

  // Seldom written.
  alignas(line) std::atomic<std::int64_t> maxsize_;
  std::atomic<bool> shut_down_{false};  // written under the put lock
  // Whether the list below is not empty. Written under the wait lock.
  std::atomic<bool> takers_wait_{false};
  std::atomic<bool> putters_wait_{false};
  threading::Lock wait_lock_{Untraced{}};  // under this and the tasks lock nothing of the user's runs
  WaiterList takers_;                      // linked by who holds the take lock
  WaiterList putters_;                     // linked by who holds the put lock

  mutable threading::Lock tasks_lock_{Untraced{}};
  Count done_ = 0;  // of puts_
  WaiterList joiners_;
};

// What put and get throw when the outcome is not `ready`.
[[noreturn]] PLAIT_EXPORT void throw_full(QueueOutcome outcome);
[[noreturn]] PLAIT_EXPORT void throw_empty(QueueOutcome outcome);

}  // namespace plait::detail
