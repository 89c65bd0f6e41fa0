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
  entry.next = nullptr;
  entry.state = std::move(state);
  entry.added = entry.state->add_observer(entry);
  if (!entry.added) add(entry);
}

Completions::~Completions() {
  for (Entry& entry : entries_) {
    if (entry.added) entry.state->remove_observer(entry);
  }
}

// In the settling thread.
void Completions::add(Entry& entry) noexcept {
  std::uint32_t count;
  {
    const std::scoped_lock lock(mutex_);
    (first_ == nullptr ? first_ : last_->next) = &entry;
    last_ = &entry;
    // seq_cst with the load below, and the other way round in wait_for: either this thread sees what is wanted, or the
    // waiting thread sees the count.
    count = settled_.fetch_add(1, std::memory_order_seq_cst) + 1;
  }
  if (count >= wanted_.load(std::memory_order_seq_cst)) os::futex_wake(settled_, 1, os::Scope::private_);
}

void Completions::cancel() noexcept {
  for (const Entry& entry : entries_) {
    if (entry.state) entry.state->cancel();
  }
}

Completions::Entry* Completions::stop_watching_next() noexcept {
  Entry* taken;
  {
    const std::scoped_lock lock(mutex_);
    if (first_ == nullptr) return nullptr;
    taken = std::exchange(first_, first_->next);
    settled_.fetch_sub(1, std::memory_order_relaxed);  // by the only thread that waits
  }
  if (std::exchange(taken->added, false)) taken->state->remove_observer(*taken);
  free_.push_back(taken);
  return taken;
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
  for (const Entry& entry : entries_)
    (entry.state->settled() ? result.settled : result.unsettled).push_back(entry.state);
  return result;
}

bool Completions::reached() const noexcept {
  return settled_.load(std::memory_order_seq_cst) >= wanted_.load(std::memory_order_relaxed);
}

bool Completions::wait_for(std::size_t count, Deadline deadline) {
  if (settled_.load(std::memory_order_acquire) >= count) return true;
  wanted_.store(static_cast<std::uint32_t>(count), std::memory_order_seq_cst);
  if (!reached()) help(deadline);
  const auto until = deadline.is_never() ? std::nullopt : std::optional(deadline.time());
  bool in_time = true;
  while (!reached() && in_time) {
    const std::uint32_t seen = settled_.load(std::memory_order_seq_cst);
    if (seen < count) in_time = os::futex_wait(settled_, seen, until, os::Scope::private_);
  }
  const bool enough = reached();
  wanted_.store(UINT32_MAX, std::memory_order_relaxed);  // nobody to wake
  return enough;
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
