// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/waiter.hpp"

#include <climits>
#include <optional>

#include "os/fork_generation.hpp"
#include "os/futex.hpp"
#include "os/spin.hpp"
#include "os/spin_seats.hpp"

namespace plait::detail {
namespace {

// What a waiter's word says. Only `woken` is final.
//
//   waiting --waiter--> asleep         it is about to sleep, or sleeps
//   waiting, asleep --stop--> stopped  a stop was requested: the waiter looks into its list
//   any --waker--> woken
enum : std::uint32_t { waiting, asleep, stopped, woken };

// How long spinning has paid lately, for all waits of a thread.
constinit thread_local os::SpinBudget spin_budget;

}  // namespace

// True: its word has changed.
bool Waiter::spin() noexcept {
  // acquire: pairs with the exchange in wake()
  return os::spin_in_seat(spin_budget, [this] { return word_.load(std::memory_order_acquire) != waiting; });
}

bool Waiter::wait(const Until& until, bool has_spun) noexcept {
  using Clock = Deadline::Clock;
  // Ends before the waiter does, and waits for a call that is under way; called here if the stop came before.
  const auto on_stop = [this] { stop(); };
  std::optional<std::stop_callback<decltype(on_stop)>> callback;
  if (until.stop().stop_possible()) callback.emplace(until.stop(), on_stop);

  const Deadline deadline = until.deadline();
  const auto begin = Clock::now();
  const bool spins = !has_spun && (deadline.is_never() || deadline.time() > begin + os::SpinBudget::most);
  std::uint32_t seen = waiting;
  // acquire on failure: pairs with the exchange in wake()
  if ((spins && spin()) ||
      !word_.compare_exchange_strong(seen, asleep, std::memory_order_acquire, std::memory_order_acquire)) {
    return word_.load(std::memory_order_acquire) == woken;
  }
  const auto end = deadline.is_never() ? std::nullopt : std::optional(deadline.time());
  while (os::futex_wait(word_, asleep, end, os::Scope::private_)) {
    if (word_.load(std::memory_order_acquire) != asleep) break;
  }
  if (spins) spin_budget.woke_after(Clock::now() - begin);
  return word_.load(std::memory_order_acquire) == woken;
}

void Waiter::await_wake() noexcept {
  for (;;) {
    // acquire: pairs with the exchange in wake()
    const std::uint32_t seen = word_.load(std::memory_order_acquire);
    if (seen == woken) return;
    if (seen == waiting) {
      os::cpu_relax();  // not possible after wait(), which leaves asleep or stopped behind
      continue;
    }
    os::futex_wait(word_, seen, std::nullopt, os::Scope::private_);
  }
}

void Waiter::stop() noexcept {
  std::uint32_t seen = word_.load(std::memory_order_relaxed);
  while (seen != woken) {
    // relaxed: says nothing but to look
    if (!word_.compare_exchange_weak(seen, stopped, std::memory_order_relaxed)) continue;
    if (seen == asleep) os::futex_wake(word_, INT_MAX, os::Scope::private_);
    return;
  }
}

void Waiter::wake() noexcept {
  // release: what the waker did before is seen by the woken. From here on only the address is used.
  if (word_.exchange(woken, std::memory_order_release) != waiting) {
    os::futex_wake(word_, INT_MAX, os::Scope::private_);
  }
}

void WakeChain::add(Waiter* waiter) noexcept {
  if (waiter == nullptr) return;
  waiter->next_ = nullptr;
  (first_ == nullptr ? first_ : last_->next_) = waiter;
  last_ = waiter;
}

void WakeChain::wake_all() noexcept {
  while (first_ != nullptr) {
    Waiter* const waiter = first_;
    first_ = waiter->next_;  // before it is woken, for then it may be gone
    waiter->wake();
  }
  last_ = nullptr;
}

bool WaiterList::is_inherited() const noexcept { return generation_ != os::fork_generation(); }

void WaiterList::push_back(Waiter& waiter) noexcept {
  if (empty()) {
    first_ = last_ = nullptr;
    generation_ = os::fork_generation();
  }
  waiter.linked_ = true;
  waiter.next_ = nullptr;
  waiter.previous_ = last_;
  (first_ == nullptr ? first_ : last_->next_) = &waiter;
  last_ = &waiter;
}

void WaiterList::push_front(Waiter& waiter) noexcept {
  if (empty()) return push_back(waiter);
  waiter.linked_ = true;
  waiter.previous_ = nullptr;
  waiter.next_ = first_;
  first_->previous_ = &waiter;
  first_ = &waiter;
}

Waiter* WaiterList::pop() noexcept {
  if (is_inherited()) {
    first_ = last_ = nullptr;
    return nullptr;
  }
  Waiter* const waiter = first_;
  remove(*waiter);
  return waiter;
}

void WaiterList::remove(Waiter& waiter) noexcept {
  (waiter.previous_ == nullptr ? first_ : waiter.previous_->next_) = waiter.next_;
  (waiter.next_ == nullptr ? last_ : waiter.next_->previous_) = waiter.previous_;
  waiter.linked_ = false;
}

}  // namespace plait::detail
