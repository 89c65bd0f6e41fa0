// SPDX-License-Identifier: Apache-2.0
//
// The part of the process pool that decides who collects, and when its own thread sleeps.
#include <algorithm>
#include <optional>
#include <utility>

#include "os/futex.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "pool/live_pools.hpp"
#include "pool/process_pool.hpp"
#include "pool/worker.hpp"

namespace plait::pool {

using detail::Ref;
using detail::RemoteTask;

namespace {

// While others collect, or outcomes come thick, the collector looks so often instead of being rung for each: at first,
// and when the traffic goes on.
constexpr std::chrono::microseconds shortest_nap{100};
constexpr std::chrono::microseconds longest_nap{400};

thread_local const ProcessPoolCore* collector_of_this_thread = nullptr;

}  // namespace

bool ProcessPoolCore::is_collector() const noexcept { return collector_of_this_thread == this; }

// ---- helping and sleeping ----------------------------------------------------------------------------------------

void ProcessPoolCore::help(bool (*done)(const void*) noexcept, const void* context) noexcept {
  if (inherited() || is_collector()) return;
  helpers_.fetch_add(1, std::memory_order_seq_cst);
  block_->bell.disarm();
  block_->set_somebody_helps(true);
  const auto begin = os::SpinBudget::Clock::now();
  os::SpinBudget budget{std::chrono::nanoseconds(help_budget_ns_.load(std::memory_order_relaxed))};
  const bool found = budget.spin([&] {
    if (done(context)) return true;
    if (!mutex_.try_lock()) return false;
    TaskList settled;
    collected_by_others_ += collect(settled);
    announce_settling(settled);
    mutex_.unlock();
    settle(settled, false);
    return done(context);
  });
  help_budget_ns_.store(budget.current().count(), std::memory_order_relaxed);
  const std::scoped_lock lock(mutex_);
  if (!found) helper_gave_up_ = begin;
  stop_helping();
  if (phase_ == Phase::closing) ask_to_close();  // it may have brought the last outcome
}

void ProcessPoolCore::stop_helping() noexcept {
  if (helpers_.fetch_sub(1, std::memory_order_seq_cst) != 1) return;
  block_->set_somebody_helps(false);
  if (collector_watches_) return;
  const bool all_idle = std::ranges::all_of(workers_, [](const auto& worker) { return worker->idle(); });
  bell_left_silent_ = all_idle;  // nothing can ring before the next post
  if (!all_idle) arm_bell();
}

// Who arms looks once more: an outcome, a death or a request may have come between the last look and the arming,
// and the collector may already be on its way to sleep.
void ProcessPoolCore::arm_bell() noexcept {
  bell_left_silent_ = false;
  block_->bell.arm();
  if (something_to_do() || has_stack()) wake_collector();
}

// seq_cst: who asks sets its flag and wakes; who sleeps says so, and looks.
bool ProcessPoolCore::has_requests() const noexcept {
  return has_exits_.load(std::memory_order_seq_cst) || has_deferred_.load(std::memory_order_seq_cst) ||
         stop_requested_.load(std::memory_order_seq_cst);
}

// Under mutex_. seq_cst throughout: pairs with arm(), see Doorbell.
bool ProcessPoolCore::something_to_do() noexcept {
  if (has_requests()) return true;
  return std::ranges::any_of(workers_,
                             [](const auto& worker) { return !worker->idle() && worker->lane.oldest_settled(); });
}

void ProcessPoolCore::wake_collector() noexcept {
  block_->bell.wake();
  if (naps_.exchange(0, std::memory_order_seq_cst) != 0) os::futex_wake(naps_, 1, os::Scope::private_);
}

// The collector is to look whether the pool can be closed.
void ProcessPoolCore::ask_to_close() noexcept {
  stop_requested_.store(true, std::memory_order_seq_cst);
  wake_collector();
}

// The collector naps while there is traffic, so that nobody has to wake it for each outcome, and while tasks wait
// behind others although a worker is free; when a nap has brought nothing it sleeps until it is rung.
void ProcessPoolCore::sleep_until_something_happens() noexcept {
  std::optional<std::chrono::steady_clock::time_point> nap_until;
  {
    const std::scoped_lock lock(mutex_);
    collector_is_away_ = false;
    const bool traffic = std::exchange(collected_by_others_, 0) != 0 || std::exchange(outcomes_come_thick_, false) ||
                         helpers_.load(std::memory_order_seq_cst) > 0;
    if (traffic || has_stack()) {
      nap_until = std::chrono::steady_clock::now() + nap_;
      nap_ = std::min(nap_ * 2, longest_nap);
      naps_.store(1, std::memory_order_seq_cst);
      if (has_requests()) return naps_.store(0, std::memory_order_seq_cst);
    } else {
      nap_ = shortest_nap;
      collector_watches_ = false;
      bell_left_silent_ = false;
      block_->bell.arm();
      if (something_to_do()) return;
    }
  }
  if (nap_until) {
    os::futex_wait(naps_, 1, nap_until, os::Scope::private_);
    naps_.store(0, std::memory_order_seq_cst);
  } else {
    block_->bell.wait();
  }
}

// ---- the collector thread ----------------------------------------------------------------------------------------

void ProcessPoolCore::start_collector() {
  if (!LivePools<ProcessPoolCore>::get().add(*this)) {
    throw RuntimeError("cannot schedule new futures after the program has begun to exit");
  }
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  retain();                           // the collector's
  try {
    watching_.emplace();
    collector_ = std::thread([this] { run_collector(); });
  } catch (...) {
    watching_.reset();
    LivePools<ProcessPoolCore>::get().remove(*this);
    release();
    throw;
  }
  collector_started_ = true;
}

void ProcessPoolCore::run_collector() noexcept {
  collector_of_this_thread = this;
  os::set_thread_name("plait-collector");
  while (!closed()) {
    bool progress = collect_and_settle();
    progress |= handle_exits();
    progress |= run_deferred_callbacks();
    progress |= close_when_idle();
    if (!progress && !closed()) sleep_until_something_happens();
  }
  LivePools<ProcessPoolCore>::get().remove(*this);
  watching_.reset();
  release();
}

bool ProcessPoolCore::closed() {
  const std::scoped_lock lock(mutex_);
  return phase_ == Phase::closed;
}

void ProcessPoolCore::run_callbacks(Ref<RemoteTask> task) noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    if (!inherited() && phase_ == Phase::open && !collector_started_) start_collector();
  } catch (...) {  // no thread for them but this one
  }
  TaskList tasks;
  tasks.push_back(std::move(task));
  {
    const std::scoped_lock lock(mutex_);
    if (!inherited() && collector_started_ && phase_ != Phase::closed && !is_collector()) {
      defer_callbacks(tasks.pop_front());
    }
  }
  while (!tasks.empty()) tasks.pop_front()->run_callbacks();
}

void ProcessPoolCore::defer_callbacks(Ref<RemoteTask> task) noexcept {
  {
    const std::scoped_lock lock(deferred_mutex_);
    deferred_.push_back(std::move(task));
  }
  has_deferred_.store(true, std::memory_order_seq_cst);
  wake_collector();
}

// Nobody notices meanwhile that a task is long, so none is to wait for another while a worker is free.
void ProcessPoolCore::leave_for_callbacks() {
  const std::scoped_lock lock(mutex_);
  collector_is_away_ = true;
  lanes_full_ = false;
  feed();
}

bool ProcessPoolCore::run_deferred_callbacks() noexcept {
  if (!has_deferred_.exchange(false, std::memory_order_seq_cst)) return false;
  TaskList tasks;
  {
    const std::scoped_lock lock(deferred_mutex_);
    tasks.append(std::move(deferred_));
  }
  leave_for_callbacks();
  while (!tasks.empty()) tasks.pop_front()->run_callbacks();
  return true;
}

}  // namespace plait::pool
