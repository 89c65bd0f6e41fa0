// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/future_state.hpp"

#include <sched.h>

#include <climits>
#include <cstdio>

#include "os/futex.hpp"
#include "os/spin.hpp"
#include "os/spin_seats.hpp"

namespace plait::detail {
namespace {

// A waiting thread learns how long spinning pays for it.
thread_local os::SpinBudget spin_budget;
constinit thread_local bool runs_tasks = false;

}  // namespace

void report_throwing_callback() noexcept {
  const auto say = [](const char* what) { std::fprintf(stderr, "plait: a done-callback threw: %s\n", what); };
  try {
    throw;
  } catch (const std::exception& error) {
    say(error.what());
  } catch (...) {
    say("something that is not a std::exception");
  }
}

// ---- the life of a task ------------------------------------------------------------------------------------------

bool FutureState::cancel() noexcept {
  Word seen = word_.load(std::memory_order_relaxed);
  do {
    const Status status = status_of(seen);
    if (status == Status::cancelled || status == Status::cancelled_and_notified) return true;
    if (status != Status::pending || (seen & claimed) != 0) return false;
    // release: what this thread did before is seen by whoever learns of the cancelling (acquire in status())
  } while (!word_.compare_exchange_weak(seen, with_status(seen, Status::cancelled) & ~waited_for,
                                        std::memory_order_acq_rel, std::memory_order_relaxed));
  if ((seen & waited_for) != 0) wake_sleepers();
  if ((seen & callbacks) != 0) run_callbacks();
  return true;
}

// pending → running, with the flag `also`; cancelled → cancelled_and_notified. Returns the word before.
FutureState::Word FutureState::start(Word also) noexcept {
  Word seen = word_.load(std::memory_order_relaxed);
  for (;;) {
    Word next = seen;
    if (status_of(seen) == Status::cancelled) next = with_status(seen, Status::cancelled_and_notified);
    if (status_of(seen) == Status::pending && (seen & claimed) == 0) next = with_status(seen, Status::running) | also;
    if (next == seen) return seen;
    // acquire: the canceller's doings, for the observers; release: pairs with acquire in status()
    if (word_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed)) break;
  }
  if (status_of(seen) == Status::cancelled && (seen & observed) != 0) notify_observers();
  return seen;
}

bool FutureState::try_start() noexcept {
  const Word before = start(claimed);
  return status_of(before) == Status::pending && (before & claimed) == 0;
}

bool FutureState::set_running_or_notify_cancel() {
  const Word before = start(0);
  if (status_of(before) == Status::cancelled) return false;
  if (status_of(before) == Status::pending && (before & claimed) == 0) return true;
  throw RuntimeError("set_running_or_notify_cancel: the future is already running or settled; call it once");
}

bool FutureState::cancel_and_notify() noexcept {
  if (!cancel()) return false;
  start(0);
  return true;
}

void FutureState::set_exception(std::exception_ptr error) {
  if (error == nullptr) throw ValueError("set_exception needs an exception, not a null pointer");
  if (!try_claim()) throw_settled_twice();
  store_exception(std::move(error));
  if (!publish()) run_callbacks();
}

bool FutureState::try_claim() noexcept {
  Word seen = word_.load(std::memory_order_relaxed);
  do {
    if (status_of(seen) > Status::running || (seen & claimed) != 0) return false;
    // acquire: pairs with the release of a former claimer's unclaim(), whose attempt to store must be over
  } while (!word_.compare_exchange_weak(seen, seen | claimed, std::memory_order_acquire, std::memory_order_relaxed));
  return true;
}

void FutureState::unclaim() noexcept { word_.fetch_and(~claimed, std::memory_order_release); }

void FutureState::throw_settled_twice() {
  throw InvalidStateError("the future is settled already; a result or an exception can be set once");
}

// ---- settling ----------------------------------------------------------------------------------------------------

bool FutureState::publish_with(Word flags) noexcept {
  Word seen = word_.load(std::memory_order_relaxed);
  Word next;
  do {
    next = (with_status(seen, Status::finished) & ~(claimed | waited_for)) | flags;
    // release: the outcome, stored before, is seen by whoever sees `finished` (acquire in status() and
    // decoded_error()); acquire: what those who linked observers or callbacks did
  } while (!word_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  if ((seen & waited_for) != 0) wake_sleepers();
  if ((seen & observed) != 0) notify_observers();
  return (seen & callbacks) == 0;
}

bool FutureState::publish_encoded() noexcept { return publish_with(encoded); }

FutureState::~FutureState() {
  while (callbacks_ != nullptr) callbacks_ = std::move(callbacks_->next_);  // not by recursion: there may be many
}

// ---- waiting -----------------------------------------------------------------------------------------------------

bool FutureState::this_thread_runs_tasks() noexcept { return runs_tasks; }

void FutureState::set_this_thread_runs_tasks(bool runs) noexcept { runs_tasks = runs; }

bool FutureState::wait(Deadline deadline) {
  if (done()) return true;
  if (deadline.is_never()) before_sleep();
  if (!deadline.expired()) {
    if (driver_ != nullptr) {
      driver_->help([](const void* state) noexcept { return static_cast<const FutureState*>(state)->done(); }, this);
    } else if (const os::SpinSeats::Taken seat(os::SpinSeats::of_waiters()); seat) {
      spin_budget.spin([this] { return done(); });
    }
  }
  return sleep_until([](Word word) noexcept { return status_of(word) >= Status::cancelled; }, deadline);
}

void FutureState::wait_for_outcome(Deadline deadline) {
  if (!wait(deadline)) throw TimeoutError("the future was not done within the timeout; its task goes on");
  if (cancelled()) throw CancelledError();
}

// Lost wake-ups cannot be: whoever changes the word so that `over` holds does it by a read-modify-write that sees
// `waited_for`, or comes before it was set, and then the kernel's comparison or the next look finds the change.
bool FutureState::sleep_until(bool (*over)(Word) noexcept, Deadline deadline) noexcept {
  const auto until = deadline.is_never() ? std::nullopt : std::optional(deadline.time());
  Word seen = word_.load(std::memory_order_acquire);
  while (!over(seen)) {
    if ((seen & waited_for) == 0 && !word_.compare_exchange_weak(seen, seen | waited_for, std::memory_order_acquire)) {
      continue;
    }
    if (!os::futex_wait(word_, seen | waited_for, until, os::Scope::private_)) {
      return over(word_.load(std::memory_order_acquire));
    }
    seen = word_.load(std::memory_order_acquire);
  }
  return true;
}

void FutureState::wake_sleepers() noexcept { os::futex_wake(word_, INT_MAX, os::Scope::private_); }

void FutureState::decode() noexcept {
  Word seen = word_.load(std::memory_order_acquire);
  while ((seen & encoded) != 0 && (seen & decoding) == 0) {
    if (!word_.compare_exchange_weak(seen, seen | decoding, std::memory_order_acquire)) continue;
    materialize();
    // release: pairs with the acquire of those who find `encoded` gone
    seen = word_.fetch_and(~(encoded | decoding | waited_for), std::memory_order_acq_rel);
    if ((seen & waited_for) != 0) wake_sleepers();
    return;
  }
  sleep_until([](Word word) noexcept { return (word & encoded) == 0; }, Deadline::never());
}

void FutureState::decode_alone() noexcept {
  if (!single_reference()) return;  // first: another may be decoding, who then lets go, and must be seen
  const Word seen = word_.load(std::memory_order_relaxed);
  if ((seen & encoded) == 0) return;
  materialize();
  word_.store(seen & ~encoded, std::memory_order_relaxed);  // nobody else looks
}

// ---- observers and callbacks -------------------------------------------------------------------------------------

void FutureState::lock_lists() noexcept {
  for (;;) {
    for (int look = 0; look < 64; ++look) {
      Word seen = word_.load(std::memory_order_relaxed);
      // acquire: pairs with the release of the unlocking; the lists are as their last holder left them
      if ((seen & locked) == 0 && word_.compare_exchange_weak(seen, seen | locked, std::memory_order_acquire)) return;
      os::cpu_relax();
    }
    sched_yield();
  }
}

// Says in the word what the lists hold, and unlocks them; false: the word is one to refuse, they are still locked. The
// flags and the status are in one word, so whoever settles after this sees the flags.
bool FutureState::unlock_lists_unless(bool (*refuse)(Word) noexcept) noexcept {
  const Word lists = (observers_ != nullptr ? observed : 0) | (callbacks_ != nullptr ? callbacks : 0);
  Word seen = word_.load(std::memory_order_relaxed);
  do {
    if (refuse(seen)) return false;
  } while (!word_.compare_exchange_weak(seen, (seen & ~(locked | observed | callbacks)) | lists,
                                        std::memory_order_release, std::memory_order_relaxed));
  return true;
}

void FutureState::unlock_lists() noexcept {
  unlock_lists_unless([](Word) noexcept { return false; });
}

void FutureState::unlink(Observer& observer) noexcept {
  (observer.previous_ != nullptr ? observer.previous_->next_ : observers_) = observer.next_;
  if (observer.next_ != nullptr) observer.next_->previous_ = observer.previous_;
  observer.linked_ = false;
}

bool FutureState::add_observer(Observer& observer) noexcept {
  if (settled()) return false;
  lock_lists();
  observer.previous_ = nullptr;
  observer.next_ = observers_;
  observer.linked_ = true;
  if (observers_ != nullptr) observers_->previous_ = &observer;
  observers_ = &observer;
  if (unlock_lists_unless([](Word word) noexcept { return status_of(word) >= Status::cancelled_and_notified; })) {
    return true;
  }
  unlink(observer);
  unlock_lists();
  return false;
}

void FutureState::remove_observer(Observer& observer) noexcept {
  lock_lists();  // even when it is not linked any more: its notifier may not have let go yet
  if (observer.linked_) unlink(observer);
  unlock_lists();
}

void FutureState::notify_observers() noexcept {
  lock_lists();
  while (observers_ != nullptr) {
    Observer& observer = *observers_;
    unlink(observer);
    observer.settled(*this);
  }
  unlock_lists();
}

void FutureState::add_done_callback(std::unique_ptr<Callback> callback) {
  if (!done()) {
    lock_lists();
    callback->next_ = std::move(callbacks_);
    callbacks_ = std::move(callback);
    if (unlock_lists_unless([](Word word) noexcept { return status_of(word) >= Status::cancelled; })) return;
    callback = std::move(callbacks_);
    callbacks_ = std::move(callback->next_);
    unlock_lists();
  }
  call(*callback);
}

void FutureState::run_callbacks() noexcept {
  lock_lists();
  std::unique_ptr<Callback> last_first = std::move(callbacks_);
  unlock_lists();
  std::unique_ptr<Callback> in_order;
  while (last_first != nullptr) {
    std::unique_ptr<Callback> rest = std::move(last_first->next_);
    last_first->next_ = std::move(in_order);
    in_order = std::move(last_first);
    last_first = std::move(rest);
  }
  while (in_order != nullptr) {
    call(*in_order);
    in_order = std::move(in_order->next_);
  }
}

void FutureState::call(Callback& callback) noexcept {
  try {
    callback.call(*this);
  } catch (...) {
    report_throwing_callback();
  }
}

}  // namespace plait::detail
