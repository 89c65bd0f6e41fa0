// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/queue_core.hpp"

#include <algorithm>
#include <mutex>

#include "os/spin.hpp"
#include "os/spin_seats.hpp"
#include "plait/errors.hpp"
#include "plait/queue/options.hpp"

namespace plait::detail {
namespace {

// How long spinning has paid lately, for all waits of a thread for items and for room.
constinit thread_local os::SpinBudget spin_budget;

// Looks, ever more rarely, for a moment, holding no lock. Who spins is not in a list, so the other side goes on at full
// speed meanwhile, and there is more than one item, or room for more than one, when it is found.
template <class Found>
bool spin(const Until& until, Found found) noexcept {
  const Deadline deadline = until.deadline();
  if (!deadline.is_never() && deadline.time() <= Deadline::Clock::now() + os::SpinBudget::most) return false;
  constexpr int most_pauses = 8;
  int pauses = 0;
  return os::spin_in_seat(spin_budget, [&] {
    if (found()) return true;
    if (pauses < most_pauses) ++pauses;
    for (int pause = 0; pause < pauses; ++pause) os::cpu_relax();
    return false;
  });
}

}  // namespace

QueueCore::QueueCore(std::int64_t maxsize, std::size_t size) noexcept : puts_(size), maxsize_(maxsize) {
  bound_ = maxsize > 0 ? static_cast<Count>(maxsize) : unlimited;
  known_room_ = bound_;
}

QueueCore::QueueCore(Untraced untraced) noexcept
    : put_lock_(untraced), known_room_(unlimited), bound_(unlimited), take_lock_(untraced), maxsize_(0) {}

void QueueCore::lock_both() {
  take_lock_.acquire();
  try {
    put_lock_.acquire();
  } catch (...) {
    take_lock_.release();
    throw;
  }
}

// ---- waiting

// Given the lock `held`, gives it up and waits until taken from the list, or until the time has come or a stop is
// requested. Returns at once, also without the lock, if it need not wait any more.
template <class MustWait>
void QueueCore::sleep(WaiterList& list, std::atomic<bool>& flag, const Until& until, threading::Lock& held,
                      MustWait must_wait) noexcept {
  Waiter waiter;
  bool waits = false;
  {
    const std::scoped_lock guard(wait_lock_);
    // seq_cst, and the load in must_wait(): either the other side sees the flag, or this sees what it did before
    flag.store(true, std::memory_order_seq_cst);
    waits = must_wait();
    if (waits) list.push_back(waiter);
    if (!waits) flag.store(!list.empty(), std::memory_order_relaxed);
  }
  held.release();
  const auto begin = os::SpinBudget::Clock::now();
  if (!waits || waiter.wait(until, true)) {
    if (waits) spin_budget.woke_after(os::SpinBudget::Clock::now() - begin);
    return;
  }
  {
    const std::scoped_lock guard(wait_lock_);
    if (waiter.is_linked()) {
      list.remove(waiter);
      flag.store(!list.empty(), std::memory_order_relaxed);
      return;
    }
  }
  waiter.await_wake();
}

// After a wait. Who may not have the lock, for that would be a deadlock, may have been woken.
void QueueCore::lock_again(threading::Lock& lock, WaiterList& list, std::atomic<bool>& flag) {
  try {
    lock.acquire();
  } catch (...) {
    pass_on(list, flag);
    throw;
  }
}

// With the put lock.
bool QueueCore::look_for_room() noexcept {
  if (size_unlocked() >= bound_) return false;
  known_room_ = bound_ == unlimited ? unlimited : takes_.load(std::memory_order_relaxed) + bound_;
  return true;
}

QueueOutcome QueueCore::await_room(const Until* limit) {
  const Until forever;
  const Until& until = limit != nullptr ? *limit : forever;
  for (bool has_spun = false;; has_spun = !has_spun) {
    QueueOutcome outcome = QueueOutcome::over;
    if (shut_down_.load(std::memory_order_relaxed)) {
      outcome = QueueOutcome::shut_down;
    } else if (look_for_room()) {
      return QueueOutcome::ready;
    }
    if (outcome == QueueOutcome::shut_down || until.is_over()) {
      put_lock_.release();
      return outcome;
    }
    if (has_spun) {
      sleep(putters_, putters_wait_, until, put_lock_, [this] {
        return puts_.load(std::memory_order_relaxed) - takes_.load(std::memory_order_seq_cst) >= bound_;
      });
    } else {
      // Half of it: if it went on at the first free place, the two sides would take turns with every item.
      const Count enough = bound_ / 2;
      put_lock_.release();
      spin(until, [&] { return size_unlocked() <= enough || shut_down_.load(std::memory_order_relaxed); });
    }
    lock_again(put_lock_, putters_, putters_wait_);
  }
}

// With the take lock. The put lock makes sure that whoever put what is seen has left the queue.
QueueOutcome QueueCore::look_for_item(bool two_ended) {
  try {
    if (two_ended) put_lock_.acquire();
  } catch (...) {
    did_not_take();
    throw;
  }
  known_puts_ = puts_.load(std::memory_order_relaxed);
  const bool shut_down = shut_down_.load(std::memory_order_relaxed);
  if (two_ended) put_lock_.release();
  if (known_puts_ != takes_.load(std::memory_order_relaxed)) return QueueOutcome::ready;
  return shut_down ? QueueOutcome::shut_down : QueueOutcome::over;
}

QueueOutcome QueueCore::await_item(const Until* limit, bool two_ended) {
  const Until forever;
  const Until& until = limit != nullptr ? *limit : forever;
  threading::Lock& lock = take_lock(two_ended);
  for (bool has_spun = false;; has_spun = !has_spun) {
    const QueueOutcome outcome = look_for_item(two_ended);
    if (outcome == QueueOutcome::ready) return outcome;
    if (outcome == QueueOutcome::shut_down || until.is_over()) {
      lock.release();
      return outcome;
    }
    if (has_spun) {
      sleep(takers_, takers_wait_, until, lock, [this] {
        return puts_.load(std::memory_order_seq_cst) == takes_.load(std::memory_order_relaxed) &&
               !shut_down_.load(std::memory_order_relaxed);
      });
    } else {
      lock.release();
      spin(until, [&] { return size_unlocked() != 0 || shut_down_.load(std::memory_order_relaxed); });
    }
    lock_again(lock, takers_, takers_wait_);
  }
}

// ---- waking

// With the wait lock.
void QueueCore::let_go(WaiterList& list, std::atomic<bool>& flag, WakeChain& chain) noexcept {
  chain.add(list.pop_front());
  flag.store(!list.empty(), std::memory_order_relaxed);
}

void QueueCore::let_all_go(WaiterList& list, std::atomic<bool>& flag, WakeChain& chain) noexcept {
  while (Waiter* const waiter = list.pop_front()) chain.add(waiter);
  flag.store(false, std::memory_order_relaxed);
}

void QueueCore::pass_on(WaiterList& list, std::atomic<bool>& flag) noexcept {
  WakeChain woken;
  const std::scoped_lock guard(wait_lock_);
  let_go(list, flag, woken);
}

// In these the chain comes first, so that it wakes last, when the lock has been given up.

void QueueCore::put_and_wake() noexcept {
  WakeChain woken;
  {
    const std::scoped_lock guard(wait_lock_);
    let_go(takers_, takers_wait_, woken);
  }
  put_lock_.release();
}

void QueueCore::take_and_wake() noexcept {
  WakeChain woken;
  {
    const std::scoped_lock guard(wait_lock_);
    let_go(putters_, putters_wait_, woken);
  }
  take_lock_.release();
}

// This one may have been woken for the room that it leaves free.
void QueueCore::did_not_put() noexcept {
  WakeChain woken;
  {
    const std::scoped_lock guard(wait_lock_);
    let_go(putters_, putters_wait_, woken);
  }
  put_lock_.release();
}

void QueueCore::did_not_take() noexcept {
  WakeChain woken;
  {
    const std::scoped_lock guard(wait_lock_);
    let_go(takers_, takers_wait_, woken);
  }
  take_lock_.release();
}

void QueueCore::untake() noexcept {
  takes_.store(takes_.load(std::memory_order_relaxed) - 1, std::memory_order_release);  // pairs with size()
  did_not_take();
}

void QueueCore::settle(std::size_t size, Count puts) noexcept {
  // release: pairs with size()
  puts_.store(puts, std::memory_order_release);
  takes_.store(puts - size, std::memory_order_release);
  const bool wakes_taker = size != 0 && takers_wait_.load(std::memory_order_relaxed);
  const bool wakes_putter = size < bound_ && putters_wait_.load(std::memory_order_relaxed);
  if (!wakes_taker && !wakes_putter) return put_lock_.release();
  WakeChain woken;
  {
    const std::scoped_lock guard(wait_lock_);
    if (wakes_taker) let_go(takers_, takers_wait_, woken);
    if (wakes_putter) let_go(putters_, putters_wait_, woken);
  }
  put_lock_.release();
}

// ---- the rest

std::size_t QueueCore::size() const noexcept {
  for (;;) {
    // acquire: pairs with the stores of takes_, all of which come after those puts that they count were seen
    const Count takes = takes_.load(std::memory_order_acquire);
    const Count puts = puts_.load(std::memory_order_acquire);
    if (takes == takes_.load(std::memory_order_relaxed)) return puts - takes;
  }
}

void QueueCore::set_maxsize(std::int64_t maxsize) {
  WakeChain woken;
  put_lock_.acquire();
  maxsize_.store(maxsize, std::memory_order_relaxed);
  if (!shut_down_.load(std::memory_order_relaxed)) {
    bound_ = maxsize > 0 ? static_cast<Count>(maxsize) : unlimited;
    known_room_ = 0;  // to be looked for
    const std::scoped_lock guard(wait_lock_);
    let_all_go(putters_, putters_wait_, woken);
  }
  put_lock_.release();
}

void QueueCore::shut_down_and_unlock(std::size_t dropped, bool two_ended) noexcept {
  WakeChain woken;
  shut_down_.store(true, std::memory_order_release);
  bound_ = known_room_ = 0;
  if (dropped != 0) {
    takes_.store(takes_.load(std::memory_order_relaxed) + dropped, std::memory_order_release);  // pairs with size()
    known_puts_ = takes_.load(std::memory_order_relaxed);
  }
  tasks_lock_.acquire();
  const Count puts = puts_.load(std::memory_order_relaxed);
  done_ += std::min<Count>(dropped, puts - done_);
  if (done_ == puts) {
    while (Waiter* const waiter = joiners_.pop_front()) woken.add(waiter);
  }
  tasks_lock_.release();
  {
    const std::scoped_lock guard(wait_lock_);
    let_all_go(takers_, takers_wait_, woken);
    let_all_go(putters_, putters_wait_, woken);
  }
  // The put lock last: nobody can see the shutdown, and destroy the queue, without having had it.
  if (two_ended) take_lock_.release();
  put_lock_.release();
}

void QueueCore::task_done() {
  WakeChain woken;
  const std::scoped_lock guard(tasks_lock_);
  // acquire: pairs with did_put(), for tasks that others have taken
  const Count puts = puts_.load(std::memory_order_acquire);
  if (done_ == puts) throw ValueError("task_done() called more often than put()");
  if (++done_ == puts) {
    while (Waiter* const waiter = joiners_.pop_front()) woken.add(waiter);
  }
}

bool QueueCore::join(const Until& until) {
  Waiter waiter;
  {
    const std::scoped_lock put_guard(put_lock_);  // none is added now, and a shutdown is over
    const std::scoped_lock guard(tasks_lock_);
    if (done_ == puts_.load(std::memory_order_relaxed)) return true;
    if (until.is_over()) return false;
    joiners_.push_back(waiter);
  }
  if (waiter.wait(until)) return true;
  {
    const std::scoped_lock guard(tasks_lock_);
    if (waiter.is_linked()) {
      joiners_.remove(waiter);
      return false;
    }
  }
  waiter.await_wake();
  return true;
}

std::size_t QueueCore::unfinished_tasks() const {
  const std::scoped_lock guard(tasks_lock_);
  return puts_.load(std::memory_order_acquire) - done_;
}

// Who is told of the shutdown may destroy the queue, so shutdown() must have given up the put lock.

void QueueCore::refuse_timeout_of_put() {
  const threading::With held(put_lock_);
  if (is_shut_down()) throw queue::ShutDown();
  throw ValueError("put: a timeout must not be less than zero");
}

void QueueCore::refuse_timeout_of_get() {
  const threading::With held(put_lock_);
  if (is_shut_down() && size() == 0) throw queue::ShutDown();
  throw ValueError("get: a timeout must not be less than zero");
}

void throw_full(QueueOutcome outcome) {
  if (outcome == QueueOutcome::shut_down) throw queue::ShutDown();
  throw queue::Full();
}

void throw_empty(QueueOutcome outcome) {
  if (outcome == QueueOutcome::shut_down) throw queue::ShutDown();
  throw queue::Empty();
}

}  // namespace plait::detail
