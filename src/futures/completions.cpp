// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/completions.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "os/futex.hpp"
#include "os/spin.hpp"
#include "os/spin_seats.hpp"

namespace plait::detail {
namespace {

thread_local os::SpinBudget spin_budget;

std::vector<Ref<FutureState>> distinct(std::vector<Ref<FutureState>> states) {
  std::unordered_set<const FutureState*> seen;
  std::erase_if(states, [&](const auto& state) { return !seen.insert(state.get()).second; });
  return states;
}

}  // namespace

Completions::Completions(std::vector<Ref<FutureState>> states) {
  for (auto& state : distinct(std::move(states))) watch(std::move(state));
}

void Completions::watch(Ref<FutureState> state) {
  if (entries_.empty()) driver_ = state->driver();
  if (state->driver() != driver_) driver_ = nullptr;
  if (free_.empty()) {
    free_.reserve(entries_.size() + 1 > free_.capacity() ? 2 * entries_.size() + 1 : free_.capacity());
    free_.push_back(&entries_.emplace_back());
  } else {
    next_to_run_ = 0;
  }
  Entry& entry = *free_.back();
  free_.pop_back();
  entry.owner = this;
  entry.state = std::move(state);
  entry.observes = entry.state->add_observer(entry);
  if (!entry.observes) add(entry);
}

Completions::~Completions() {
  for (Entry& entry : entries_) {
    if (entry.observes) entry.state->remove_observer(entry);
  }
}

// In the settling thread. After it has let the mutex go it uses nothing but the address of the word: the waiting thread
// may have taken the entry meanwhile, and be done with all.
void Completions::add(Entry& entry) noexcept {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    entry.next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = &entry;
    last_ = &entry;
    const std::uint32_t count = settled_.load(std::memory_order_relaxed) + 1;
    // release: pairs with the loads of the waiting thread, which looks at it without the mutex
    settled_.store(count, std::memory_order_release);
    wake = count >= wake_at_;
    if (wake) wake_at_ = UINT32_MAX;  // once
  }
  if (wake) os::futex_wake(settled_, 1, os::Scope::private_);
}

void Completions::fetch() noexcept {
  const std::scoped_lock lock(mutex_);
  fetched_ = std::exchange(first_, nullptr);
  fetched_count_ = settled_.load(std::memory_order_relaxed);
  settled_.store(0, std::memory_order_relaxed);  // read by the waiting thread alone, which this is
}

void Completions::cancel() noexcept {
  for (const Entry& entry : entries_) {
    if (entry.state) entry.state->cancel();
  }
}

// Whoever told of the entry has let it go when it let the mutex go: it can be used anew without asking its state.
Completions::Entry* Completions::stop_watching_next() noexcept {
  if (fetched_ == nullptr) fetch();
  if (fetched_ == nullptr) return nullptr;
  Entry* const first = std::exchange(fetched_, fetched_->next);
  --fetched_count_;
  first->observes = false;
  free_.push_back(first);
  return first;
}

Ref<FutureState> Completions::take_next() noexcept {
  Entry* const taken = stop_watching_next();
  return taken != nullptr ? std::move(taken->state) : nullptr;
}

FutureState* Completions::pass_next() noexcept {
  Entry* const passed = stop_watching_next();
  return passed != nullptr ? passed->state.get() : nullptr;
}

SettledAndUnsettled Completions::sorted() const {
  SettledAndUnsettled result;
  for (const Entry& entry : entries_) {
    if (entry.state) (entry.state->settled() ? result.settled : result.unsettled).push_back(entry.state);
  }
  return result;
}

bool Completions::reached() const noexcept { return settled_.load(std::memory_order_acquire) >= wanted_; }

bool Completions::wait_for(std::size_t count, Deadline deadline) {
  if (fetched_count_ >= count) return true;
  wanted_ = static_cast<std::uint32_t>(count) - fetched_count_;
  if (!reached()) help(deadline);
  if (!reached()) sleep_until_reached(deadline);
  return reached();
}

void Completions::sleep_until_reached(Deadline deadline) noexcept {
  {
    // Who settles after this sees when to wake; who has settled before is counted.
    const std::scoped_lock lock(mutex_);
    wake_at_ = wanted_;
  }
  const auto until = deadline.is_never() ? std::nullopt : std::optional(deadline.time());
  for (bool in_time = true; in_time;) {
    const std::uint32_t seen = settled_.load(std::memory_order_acquire);
    if (seen >= wanted_) return;
    in_time = os::futex_wait(settled_, seen, until, os::Scope::private_);
  }
}

void Completions::help(Deadline deadline) {
  if (deadline.is_never() && FutureState::this_thread_runs_tasks()) {
    for (; next_to_run_ < entries_.size(); ++next_to_run_) {
      if (reached()) return;
      if (const auto& state = entries_[next_to_run_].state) state->before_sleep();
    }
  }
  if (deadline.expired()) return;
  if (driver_ != nullptr) {
    driver_->help([](const void* self) noexcept { return static_cast<const Completions*>(self)->reached(); }, this);
  } else if (const os::SpinSeats::Taken seat(os::SpinSeats::of_waiters()); seat) {
    spin_budget.spin([this] { return reached(); });
  }
}

}  // namespace plait::detail
