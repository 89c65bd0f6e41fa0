// SPDX-License-Identifier: Apache-2.0
//
// The part of the process pool that brings outcomes back, shares tasks out anew, and deals with deaths.
#include <signal.h>

#include <algorithm>
#include <new>
#include <utility>

#include "plait/errors.hpp"
#include "pool/process_pool.hpp"
#include "pool/worker.hpp"
#include "shm/heap.hpp"

namespace plait::pool {
namespace {

using detail::Message;
using detail::Ref;
using detail::RemoteTask;
using shm::Heap;
using shm::SlotState;

// A lane holds so many tasks at least, so that its worker does not wait for the collector between two.
constexpr std::uint64_t least_depth = 2;
// Tasks that take longer than this are handed out one by one.
constexpr std::chrono::microseconds long_task{200};
// So many outcomes at one look are a stream, for which the collector need not be rung.
constexpr std::uint64_t many_outcomes = 8;

std::exception_ptr worker_died(const WorkerExit& exit, const std::string& task) {
  const process::ExitStatus& status = exit.status;
  return std::make_exception_ptr(futures::WorkerDied(
      {.pid = exit.pid, .signal = status.signal, .exit_code = status.code, .known = status.known}, task));
}

bool is_free(const std::unique_ptr<Worker>& worker) { return worker->idle() && !worker->retiring; }

std::string message_of(const Message& exception) {
  try {
    return wire::message_of_exception(exception.bytes());
  } catch (const std::exception& unreadable) {
    return unreadable.what();
  }
}

const std::string initializer_failed = "the initializer of a worker process failed: ";

std::string describe_exception(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace

std::uint64_t ProcessPoolCore::collect(TaskList& settled) {
  std::uint64_t freed = 0;
  for (const auto& worker : workers_) freed += collect_lane(*worker, settled);
  if (freed != 0) {
    lanes_full_ = false;
    feed();
    if (pending_.empty()) rebalance();
  }
  if (collector_is_away_) notice_long_tasks();  // in its place
  return freed;
}

std::uint64_t ProcessPoolCore::collect_lane(Worker& worker, TaskList& settled) {
  std::uint64_t outcomes = 0;
  std::uint64_t freed = 0;
  while (!worker.idle()) {
    const SlotState state = worker.lane.oldest_state();
    if (state == SlotState::done) {
      if (take_outcome(worker, settled)) ++outcomes;
    } else if (state != SlotState::skipped) {
      break;
    }
    worker.lane.collect();
    ++freed;
  }
  if (outcomes > 0) {
    worker.completed += outcomes;
    adapt_depth(worker, outcomes);
  }
  return freed;
}

// False: it was none of a task.
bool ProcessPoolCore::take_outcome(Worker& worker, TaskList& settled) {
  const Worker::Sent kind = worker.sent(worker.lane.oldest_position()).kind;
  Ref<RemoteTask> task = worker.take(worker.lane.oldest_position());
  Message outcome;
  bool is_error = false;
  std::exception_ptr failure;
  try {
    const shm::Payload payload = worker.lane.outcome();
    is_error = payload.content == shm::Content::error;
    if (payload.block != 0) {
      void* block = Heap::get().at(payload.block);
      Heap::get().adopt(block);
      outcome = Message(block, payload.size);
    } else {
      outcome = Message::from_slot(payload.data, payload.size);
    }
  } catch (const Error&) {  // the worker wrote nonsense: it is not to be trusted any more
    failure = std::current_exception();
    worker.retiring = true;
    worker.child->signal(SIGKILL);
  } catch (const std::bad_alloc&) {
    failure = std::current_exception();
  }
  if (kind != Worker::Sent::task) {
    worker.last_collected = std::chrono::steady_clock::now();
    if (kind == Worker::Sent::initializer) worker.initializer = {};
    // Only the message: to make the exception would be to run the user's code under the mutex.
    if (failure != nullptr) break_pool(initializer_failed + describe_exception(failure));
    if (failure == nullptr && is_error) break_pool(initializer_failed + message_of(outcome));
    return false;
  }
  if (failure != nullptr) {
    task->stage_failure(failure);
  } else {
    task->stage_outcome(std::move(outcome), is_error);
  }
  settled.push_back(std::move(task));
  return true;
}

// A lane holds as many tasks as keep its worker busy between two visits: doubled whenever a visit finds the lane run
// dry while tasks wait, back to the least when tasks are long.
void ProcessPoolCore::adapt_depth(Worker& worker, std::uint64_t outcomes) {
  const auto now = std::chrono::steady_clock::now();
  auto estimate = (now - worker.last_collected) / static_cast<std::int64_t>(outcomes);
  const bool was_idle = std::exchange(worker.was_left_idle, worker.idle());
  // Short tasks may seem long because the worker was idle for a while, or another ran in its place.
  if (estimate < price_of_waking) estimate = std::min(estimate, worker.time_per_task * (was_idle ? 1 : 2));
  worker.time_per_task = estimate;
  if (worker.time_per_task > long_task) {
    depth_ = least_depth;
  } else if (worker.idle() && !pending_.empty()) {
    depth_ = std::min(depth_ * 2, shm::TaskRing::capacity);
  }
  worker.last_collected = now;
  if (!helper_gave_up_) return;
  os::SpinBudget budget{std::chrono::nanoseconds(help_budget_ns_.load(std::memory_order_relaxed))};
  budget.woke_after(now - *std::exchange(helper_gave_up_, std::nullopt));
  help_budget_ns_.store(budget.current().count(), std::memory_order_relaxed);
}

// The busiest worker gives up half of what it has not begun, if another could run it.
void ProcessPoolCore::rebalance() {
  if (broken_ != nullptr || workers_.empty() || !another_is_free()) return;
  Worker& busiest = **std::ranges::max_element(workers_, {}, &Worker::tasks_held);
  if (busiest.tasks_held() < 2 || !worth_sharing(busiest, 0)) return;
  if (std::ranges::none_of(workers_, &is_free) && try_start_worker() == nullptr) return;
  const Spread spread = spread_behind(busiest);
  std::uint64_t wanted = busiest.tasks_held() / 2;
  for (std::uint64_t at = busiest.lane.next_position(); wanted > 0 && at-- > busiest.lane.oldest_position();) {
    if (busiest.sent(at).kind != Worker::Sent::task) continue;
    if (!busiest.lane.revoke(at)) break;
    pending_.push_front(busiest.take(at));
    --wanted;
  }
  feed(spread);
}

// Tasks behind a long one may be long too.
ProcessPoolCore::Spread ProcessPoolCore::spread_behind(const Worker& worker) noexcept {
  return worker.time_per_task > long_task ? Spread::at_once : Spread::if_long;
}

// A task that has been running for long tells as much as one that is done.
void ProcessPoolCore::notice_long_tasks() {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& worker : workers_) {
    if (worker->idle()) continue;
    const auto busy_since = worker->was_left_idle ? worker->seen_busy_since(now) : worker->last_collected;
    worker->time_per_task = std::max(worker->time_per_task, now - busy_since);
  }
  const bool can_start = workers_.size() < config_.max_workers && now >= next_start_;
  if (!pending_.empty() && (can_start || std::ranges::any_of(workers_, &is_free))) {
    lanes_full_ = false;
    feed(hot_ != nullptr ? spread_behind(*hot_) : Spread::if_long);
  }
  rebalance();
}

// Tasks wait behind others although a worker is free: the collector must see that they do not wait for long.
bool ProcessPoolCore::has_stack() const noexcept {
  if (broken_ != nullptr || !another_is_free()) return false;
  return !pending_.empty() ||
         std::ranges::any_of(workers_, [](const auto& worker) { return worker->tasks_held() > 1; });
}

bool ProcessPoolCore::another_is_free() const noexcept {
  return workers_.size() < config_.max_workers || std::ranges::any_of(workers_, &is_free);
}

bool ProcessPoolCore::collect_and_settle() noexcept {
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    collector_watches_ = true;
    collector_is_away_ = false;
    outcomes_come_thick_ = collect(settled) >= many_outcomes;
    notice_long_tasks();
  }
  if (settled.empty()) return false;
  settle(settled, true);
  return !outcomes_come_thick_;
}

void ProcessPoolCore::settle(TaskList& settled, bool may_run_callbacks) noexcept {
  const bool announced = !may_run_callbacks && !settled.empty();  // the collector itself need not
  bool is_away = false;
  while (!settled.empty()) {
    Ref<RemoteTask> task = settled.pop_front();
    if (task->publish()) continue;
    if (may_run_callbacks) {
      if (!std::exchange(is_away, true)) leave_for_callbacks();
      task->run_callbacks();
      continue;
    }
    defer_callbacks(std::move(task));
  }
  if (!announced) return;
  settling_.fetch_sub(1, std::memory_order_seq_cst);
  if (closing_.load(std::memory_order_seq_cst)) ask_to_close();
}

void ProcessPoolCore::announce_settling(const TaskList& settled) noexcept {
  if (!settled.empty()) settling_.fetch_add(1, std::memory_order_seq_cst);
}

// ---- deaths --------------------------------------------------------------------------------------------------------

void ProcessPoolCore::report_exit(WorkerExit exit) noexcept {
  {
    const std::scoped_lock lock(exits_mutex_);
    exits_.push_back(std::move(exit));  // start_worker() has made room
  }
  has_exits_.store(true, std::memory_order_seq_cst);
  wake_collector();
}

bool ProcessPoolCore::handle_exits() {
  if (!has_exits_.exchange(false, std::memory_order_seq_cst)) return false;
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    while (auto exit = next_exit()) handle_exit(std::move(*exit), settled);
    lanes_full_ = false;
    feed();
    if (workers_.empty() && !pending_.empty()) fail_pending(start_error_, settled);
  }
  settle(settled, true);
  return true;
}

std::optional<WorkerExit> ProcessPoolCore::next_exit() noexcept {
  const std::scoped_lock lock(exits_mutex_);
  if (exits_.empty()) return std::nullopt;
  std::optional<WorkerExit> first = std::move(exits_.front());
  exits_.erase(exits_.begin());
  return first;
}

// The lane of a dead worker tells what became of each task: those with an outcome have it, the one claimed was
// running and is lost, those ready were never begun and go to the front of the queue.
void ProcessPoolCore::handle_exit(WorkerExit exit, TaskList& settled) {
  const auto found = std::ranges::find(workers_, exit.owner, [](const auto& worker) { return worker->owner(); });
  if (found == workers_.end()) return;
  Worker& worker = **found;
  collect_lane(worker, settled);
  const std::string what = "worker process " + std::to_string(exit.pid) + " " + exit.status.describe();
  bool was_busy = false;
  TaskList unbegun;
  for (std::uint64_t at = worker.lane.oldest_position(); at != worker.lane.next_position(); ++at) {
    const SlotState state = worker.lane.slot(at).state.load(std::memory_order_acquire);
    const Worker::Sent kind = worker.sent(at).kind;
    if (kind == Worker::Sent::task) {
      Ref<RemoteTask> task = worker.take(at);
      if (state != SlotState::claimed) {
        unbegun.push_back(std::move(task));
        continue;
      }
      was_busy = true;
      task->stage_failure(killed_for_good_ ? broken_ : worker_died(exit, task->describe()));
      settled.push_back(std::move(task));
    } else if (kind == Worker::Sent::initializer && state == SlotState::claimed && !worker.retiring) {
      break_pool(what + " in its initializer");
    }
  }
  unbegun.append(std::move(pending_));
  pending_.append(std::move(unbegun));
  if (!was_busy && worker.completed == 0 && !worker.retiring &&
      restarts_.exceeded_by_death_at(std::chrono::steady_clock::now())) {
    break_pool("workers die before they do anything; the last: " + what);
  }
  block_->seats.leave(worker.owner());
  exit.estate.reset();
  if (hot_ == &worker) hot_ = nullptr;
  workers_.erase(found);
  if (broken_ != nullptr) fail_pending(broken_, settled);
}

void ProcessPoolCore::fail_pending(const std::exception_ptr& cause, TaskList& settled) {
  while (!pending_.empty()) {
    Ref<RemoteTask> task = pending_.pop_front();
    if (begin(*task)) {
      task->stage_failure(cause);
      settled.push_back(std::move(task));
    }
  }
}

// From here on no task runs: those that wait fail when the last worker has gone, those in lanes with their workers.
void ProcessPoolCore::break_pool(const std::string& why) {
  if (broken_ != nullptr) return;
  broken_ = make_broken(why + "; the pool takes no more tasks, make a new one");
  killed_for_good_ = true;
  for (const auto& worker : workers_) {
    worker->retiring = true;
    worker->child->signal(SIGKILL);
  }
}

}  // namespace plait::pool
