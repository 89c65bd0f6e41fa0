// SPDX-License-Identifier: Apache-2.0
#include "pool/process_pool.hpp"

#include <signal.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "os/fork_generation.hpp"
#include "os/futex.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "plait/os.hpp"
#include "pool/live_pools.hpp"
#include "pool/worker.hpp"
#include "shm/heap.hpp"

namespace plait::pool {
namespace {

using detail::Message;
using detail::Ref;
using detail::RemoteTask;
using shm::Heap;
using shm::SlotState;

// Workers that die without having done anything: so many in so long, then the pool gives up.
constexpr std::size_t deaths_allowed_per_worker = 4;
constexpr std::chrono::seconds deaths_period{5};
// After a worker could not be started while others run, the next try is this much later.
constexpr std::chrono::milliseconds start_retry_pause{50};
// A lane holds so many tasks at least, so that its worker does not wait for the collector between two.
constexpr std::uint64_t least_depth = 2;
// Tasks that take longer than this are handed out one by one.
constexpr std::chrono::microseconds long_task{200};

// One core is left to the threads that wait for the workers.
std::uint32_t spin_seats() {
  const int cpus = os::process_cpu_count();
  return static_cast<std::uint32_t>(std::max(cpus - 1, cpus > 1 ? 1 : 0));
}

std::exception_ptr broken(const std::string& why) { return std::make_exception_ptr(futures::BrokenProcessPool(why)); }

process::StartMethod start_method(const std::string& name) {
  if (name == "spawn") return process::StartMethod::spawn;
  if (name == "fork") return process::StartMethod::fork;
  return process::StartMethod::forkserver;
}

std::exception_ptr worker_died(const WorkerExit& exit, const std::string& task) {
  const process::ExitStatus& status = exit.status;
  return std::make_exception_ptr(futures::WorkerDied(
      {.pid = exit.pid, .signal = status.signal, .exit_code = status.code, .known = status.known}, task));
}

// Forwards the supervisor's report to the pool, and keeps the pool until then.
class ExitForwarder final : public process::ExitListener {
 public:
  ExitForwarder(Ref<ProcessPoolCore> pool, std::uint32_t owner) : pool_(std::move(pool)), owner_(owner) {}
  void on_exit(process::Child& child, process::ExitStatus status) noexcept override {
    pool_->report_exit({owner_, child.pid(), status});
  }

 private:
  Ref<ProcessPoolCore> pool_;
  std::uint32_t owner_;
};

thread_local const ProcessPoolCore* collector_of_this_thread = nullptr;

// False: it was cancelled. A task that comes back from a dead worker is running already, as far as its future knows.
bool begin(RemoteTask& task) { return task.state().running() || task.state().try_start(); }

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

ProcessPoolCore::ProcessPoolCore(detail::ProcessPoolConfig config)
    : config_(std::move(config)),
      generation_(os::fork_generation()),
      block_(new(Heap::get().allocate(sizeof(PoolBlock))) PoolBlock(spin_seats())),
      restarts_(deaths_allowed_per_worker * config_.max_workers, deaths_period) {
  if (!config_.initializer.empty()) {
    initializer_ = Message(config_.initializer.size());
    std::ranges::copy(config_.initializer, initializer_.bytes().begin());
  }
}

ProcessPoolCore::~ProcessPoolCore() {
  if (collector_.joinable()) collector_.detach();
  if (inherited()) return;  // the shared block is the parent's
  Heap::get().deallocate(block_);
}

void ProcessPoolCore::release() noexcept {
  // acq_rel: the last owner sees all that the others did before they let go
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

bool ProcessPoolCore::inherited() const noexcept { return generation_ != os::fork_generation(); }

// ---- taking tasks ------------------------------------------------------------------------------------------------

void ProcessPoolCore::check_takes_tasks() const {
  if (phase_ != Phase::open) {
    throw RuntimeError("cannot schedule new futures after shutdown; make a new ProcessPoolExecutor");
  }
  if (broken_ != nullptr) std::rethrow_exception(broken_);
}

void ProcessPoolCore::post(Ref<RemoteTask> task) {
  if (inherited()) {
    throw RuntimeError(
        "this ProcessPoolExecutor belongs to the parent process, a forked child cannot use it; make one in the child");
  }
  const std::scoped_lock lock(mutex_);
  check_takes_tasks();
  if (!collector_started_) start_collector();
  if (workers_.empty()) start_worker();  // throws: the task was not taken
  task->number = ++task_number_;
  pending_.push_back(std::move(task));
  if (!lanes_full_) feed();
  if (bell_left_silent_ && helpers_.load(std::memory_order_seq_cst) == 0) arm_bell();
}

void ProcessPoolCore::feed() {
  while (!pending_.empty()) {
    Worker* worker = worker_with_room();
    if (worker == nullptr) {
      lanes_full_ = true;
      return;
    }
    Ref<RemoteTask> task = pending_.pop_front();
    if (begin(*task)) give(*worker, std::move(task));
  }
}

// The worker to give the next task to: an idle one, the warmest first; else a new one; else the least busy.
Worker* ProcessPoolCore::worker_with_room() {
  if (hot_ != nullptr && hot_->idle() && !hot_->retiring) return hot_;
  Worker* least_busy = nullptr;
  for (const auto& worker : workers_) {
    if (worker->retiring) continue;
    if (least_busy == nullptr || worker->tasks_held() < least_busy->tasks_held()) least_busy = worker.get();
  }
  if (least_busy != nullptr && least_busy->idle()) return least_busy;
  if (workers_.size() < config_.max_workers) {
    if (Worker* started = try_start_worker()) return started;
  }
  return least_busy != nullptr && least_busy->has_room(depth_) ? least_busy : nullptr;
}

void ProcessPoolCore::give(Worker& worker, Ref<RemoteTask> task) {
  Message& call = task->message();
  worker.send(Worker::Sent::task, task.detach(), call);
  hot_ = &worker;
  if (config_.max_tasks_per_child && ++worker.given >= *config_.max_tasks_per_child) send_quit(worker);
}

void ProcessPoolCore::send_quit(Worker& worker) {
  worker.send(Worker::Sent::quit, nullptr, Message());
  worker.retiring = true;
}

Worker* ProcessPoolCore::try_start_worker() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_start_) return nullptr;
  try {
    return &start_worker();
  } catch (...) {
    start_error_ = std::current_exception();
    next_start_ = now + start_retry_pause;
    return nullptr;
  }
}

Worker& ProcessPoolCore::start_worker() {
  auto worker = std::make_unique<Worker>(*block_, Heap::get().new_owner());
  workers_.reserve(workers_.size() + 1);
  auto listener = std::make_shared<ExitForwarder>(Ref<ProcessPoolCore>(this), worker->owner());
  worker->child = process::start(start_method(config_.start_method), {&worker_main, worker->argument()},
                                 worker->owner(), std::move(listener));
  if (!config_.initializer.empty()) worker->send(Worker::Sent::initializer, nullptr, initializer_);
  workers_.push_back(std::move(worker));
  return *workers_.back();
}

// ---- bringing outcomes back --------------------------------------------------------------------------------------

void ProcessPoolCore::collect(TaskList& settled) {
  bool collected = false;
  for (const auto& worker : workers_) collected |= collect_lane(*worker, settled);
  if (!collected) return;
  lanes_full_ = false;
  feed();
  if (pending_.empty()) rebalance();
}

bool ProcessPoolCore::collect_lane(Worker& worker, TaskList& settled) {
  std::uint64_t outcomes = 0;
  bool moved = false;
  while (!worker.idle()) {
    const SlotState state = worker.lane.oldest_state();
    if (state == SlotState::done) {
      take_outcome(worker, settled);
      ++outcomes;
    } else if (state != SlotState::skipped) {
      break;
    }
    worker.lane.collect();
    moved = true;
  }
  if (outcomes > 0) {
    worker.completed += outcomes;
    adapt_depth(worker, outcomes);
  }
  return moved;
}

void ProcessPoolCore::take_outcome(Worker& worker, TaskList& settled) {
  const Worker::Sent kind = worker.sent(worker.lane.oldest_position()).kind;
  Ref<RemoteTask> task = worker.take(worker.lane.oldest_position());
  Message outcome;
  bool is_error = false;
  std::exception_ptr corrupted;
  try {
    const shm::Payload payload = worker.lane.outcome();
    is_error = payload.content == shm::Content::error;
    if (payload.block != 0) {
      void* block = Heap::get().at(payload.block);
      Heap::get().adopt(block);
      outcome = Message(block, payload.size);
    } else {
      outcome.assign_inline(payload.data, payload.size);
    }
  } catch (const Error&) {  // the worker wrote nonsense: it is not to be trusted any more
    corrupted = std::current_exception();
    worker.retiring = true;
    worker.child->signal(SIGKILL);
  }
  if (kind == Worker::Sent::initializer) {
    if (corrupted == nullptr && is_error) corrupted = wire::decode_exception(outcome.bytes());
    if (corrupted != nullptr) break_pool("the initializer of a worker process failed", corrupted);
    return;
  }
  if (corrupted != nullptr) {
    task->stage_failure(corrupted);
  } else {
    task->stage_outcome(std::move(outcome), is_error);
  }
  settled.push_back(std::move(task));
}

// A lane holds as many tasks as keep its worker busy between two visits: doubled whenever a visit finds the lane run
// dry while tasks wait, back to the least when tasks are long.
void ProcessPoolCore::adapt_depth(Worker& worker, std::uint64_t outcomes) {
  const auto now = std::chrono::steady_clock::now();
  if ((now - worker.last_collected) / outcomes > long_task) {
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

// Nothing waits any more: idle workers take half of what the busiest has not begun.
void ProcessPoolCore::rebalance() {
  for (const auto& idle : workers_) {
    if (!idle->idle() || idle->retiring) continue;
    Worker& busiest = **std::ranges::max_element(workers_, {}, &Worker::tasks_held);
    TaskList moved;
    std::uint64_t wanted = busiest.tasks_held() / 2;
    for (std::uint64_t at = busiest.lane.next_position(); wanted > 0 && at-- > busiest.lane.oldest_position();) {
      if (busiest.sent(at).kind != Worker::Sent::task) continue;
      if (!busiest.lane.revoke(at)) break;
      moved.push_front(busiest.take(at));
      --wanted;
    }
    while (!moved.empty()) give(*idle, moved.pop_front());
  }
}

bool ProcessPoolCore::collect_and_settle(bool may_run_callbacks) noexcept {
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    collect(settled);
  }
  if (settled.empty()) return false;
  settle(settled, may_run_callbacks);
  return true;
}

void ProcessPoolCore::settle(TaskList& settled, bool may_run_callbacks) noexcept {
  while (!settled.empty()) {
    Ref<RemoteTask> task = settled.pop_front();
    if (task->publish()) continue;
    if (may_run_callbacks) {
      task->run_callbacks();
      continue;
    }
    {
      const std::scoped_lock lock(deferred_mutex_);
      deferred_.push_back(std::move(task));
    }
    has_deferred_.store(true, std::memory_order_seq_cst);
    wake_collector();
  }
}

// ---- helping and sleeping ----------------------------------------------------------------------------------------

void ProcessPoolCore::help(bool (*done)(const void*) noexcept, const void* context) noexcept {
  if (inherited() || collector_of_this_thread == this) return;
  helpers_.fetch_add(1, std::memory_order_seq_cst);
  block_->bell.disarm();
  const auto begin = os::SpinBudget::Clock::now();
  os::SpinBudget budget{std::chrono::nanoseconds(help_budget_ns_.load(std::memory_order_relaxed))};
  const bool found = budget.spin([&] {
    if (done(context)) return true;
    if (!mutex_.try_lock()) return false;
    TaskList settled;
    collect(settled);
    mutex_.unlock();
    settle(settled, false);
    return done(context);
  });
  help_budget_ns_.store(budget.current().count(), std::memory_order_relaxed);
  const std::scoped_lock lock(mutex_);
  if (!found) helper_gave_up_ = begin;
  stop_helping();
}

void ProcessPoolCore::stop_helping() noexcept {
  if (helpers_.fetch_sub(1, std::memory_order_seq_cst) != 1) return;
  const bool all_idle = std::ranges::all_of(workers_, [](const auto& worker) { return worker->idle(); });
  bell_left_silent_ = all_idle;  // nothing can ring before the next post
  if (!all_idle) arm_bell();
  if (waits_for_helpers_.load(std::memory_order_seq_cst) != 0) wake_collector();
}

// Who arms looks once more: an outcome, a death or a request may have come between the last look and the arming,
// and the collector may already be on its way to sleep.
void ProcessPoolCore::arm_bell() noexcept {
  bell_left_silent_ = false;
  block_->bell.arm();
  if (something_to_do()) wake_collector();
}

// Under mutex_. seq_cst throughout: pairs with arm(), see Doorbell.
bool ProcessPoolCore::something_to_do() noexcept {
  if (has_exits_.load(std::memory_order_seq_cst) || has_deferred_.load(std::memory_order_seq_cst) ||
      stop_requested_.load(std::memory_order_seq_cst)) {
    return true;
  }
  return std::ranges::any_of(workers_,
                             [](const auto& worker) { return !worker->idle() && worker->lane.oldest_settled(); });
}

void ProcessPoolCore::wake_collector() noexcept {
  block_->bell.wake();
  if (waits_for_helpers_.exchange(0, std::memory_order_seq_cst) != 0) {
    os::futex_wake(waits_for_helpers_, 1, os::Scope::private_);
  }
}

void ProcessPoolCore::sleep_until_something_happens() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (helpers_.load(std::memory_order_seq_cst) > 0) {
      // They collect; the last of them, or whoever has work for this thread, ends the sleep below.
      waits_for_helpers_.store(1, std::memory_order_seq_cst);
      if (something_to_do()) waits_for_helpers_.store(0, std::memory_order_seq_cst);
    } else {
      bell_left_silent_ = false;
      block_->bell.arm();
      if (something_to_do()) return;
    }
  }
  if (waits_for_helpers_.load(std::memory_order_seq_cst) != 0) {
    os::futex_wait(waits_for_helpers_, 1, std::nullopt, os::Scope::private_);
    waits_for_helpers_.store(0, std::memory_order_seq_cst);
  } else {
    block_->bell.wait();
  }
}

// ---- the collector thread ----------------------------------------------------------------------------------------

void ProcessPoolCore::start_collector() {
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  retain();                           // the collector's
  try {
    collector_ = std::thread([this] { run_collector(); });
  } catch (...) {
    release();
    throw;
  }
  collector_started_ = true;
  LivePools::get().add(*this);
}

void ProcessPoolCore::run_collector() noexcept {
  collector_of_this_thread = this;
  os::set_thread_name("plait-collector");
  while (!closed()) {
    bool progress = collect_and_settle(true);
    progress |= handle_exits();
    progress |= run_deferred_callbacks();
    progress |= close_when_idle();
    if (!progress && !closed()) sleep_until_something_happens();
  }
  LivePools::get().remove(*this);
  release();
}

bool ProcessPoolCore::closed() {
  const std::scoped_lock lock(mutex_);
  return phase_ == Phase::closed;
}

bool ProcessPoolCore::run_deferred_callbacks() noexcept {
  if (!has_deferred_.exchange(false, std::memory_order_seq_cst)) return false;
  std::vector<Ref<RemoteTask>> tasks;
  {
    const std::scoped_lock lock(deferred_mutex_);
    tasks.swap(deferred_);
  }
  for (const Ref<RemoteTask>& task : tasks) task->run_callbacks();
  return true;
}

void ProcessPoolCore::report_exit(WorkerExit exit) noexcept {
  {
    const std::scoped_lock lock(exits_mutex_);
    exits_.push_back(exit);
  }
  has_exits_.store(true, std::memory_order_seq_cst);
  wake_collector();
}

bool ProcessPoolCore::handle_exits() {
  if (!has_exits_.exchange(false, std::memory_order_seq_cst)) return false;
  std::vector<WorkerExit> exits;
  {
    const std::scoped_lock lock(exits_mutex_);
    exits.swap(exits_);
  }
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    for (const WorkerExit& exit : exits) handle_exit(exit, settled);
    lanes_full_ = false;
    feed();
    if (workers_.empty() && !pending_.empty()) fail_pending(start_error_, settled);
  }
  settle(settled, true);
  return true;
}

// The lane of a dead worker tells what became of each task: those with an outcome have it, the one claimed was
// running and is lost, those ready were never begun and go to the front of the queue.
void ProcessPoolCore::handle_exit(const WorkerExit& exit, TaskList& settled) {
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
      break_pool(what + " in its initializer", nullptr);
    }
  }
  unbegun.append(std::move(pending_));
  pending_.append(std::move(unbegun));
  if (!was_busy && worker.completed == 0 && !worker.retiring &&
      restarts_.exceeded_by_death_at(std::chrono::steady_clock::now())) {
    break_pool("workers die before they do anything; the last: " + what, nullptr);
  }
  block_->seats.leave(worker.owner());
  Heap::get().reclaim(worker.owner());
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
void ProcessPoolCore::break_pool(const std::string& why, const std::exception_ptr& cause) {
  if (broken_ != nullptr) return;
  std::string message = why;
  if (cause != nullptr) message += ": " + describe_exception(cause);
  broken_ = broken(message + "; the pool takes no more tasks, make a new one");
  killed_for_good_ = true;
  for (const auto& worker : workers_) {
    worker->retiring = true;
    worker->child->signal(SIGKILL);
  }
}

// ---- the end -----------------------------------------------------------------------------------------------------

void ProcessPoolCore::shutdown(bool wait, bool cancel_futures) {
  if (inherited()) return;
  TaskList cancelled;
  {
    const std::scoped_lock lock(mutex_);
    if (phase_ == Phase::open) phase_ = Phase::closing;
    if (cancel_futures) cancelled.append(std::move(pending_));
    if (!collector_started_) phase_ = Phase::closed;  // never had a task
    stop_requested_.store(true, std::memory_order_seq_cst);
  }
  while (!cancelled.empty()) cancelled.pop_front()->state().cancel_and_notify();
  wake_collector();
  if (!wait || collector_of_this_thread == this) return;
  const std::scoped_lock joining(join_mutex_);
  if (!collector_.joinable()) return;
  collector_.join();
}

void ProcessPoolCore::signal_workers(int number) {
  if (inherited()) return;
  shutdown(false, true);
  const std::scoped_lock lock(mutex_);
  if (workers_.empty() || broken_ != nullptr) return;
  broken_ = broken("the workers of this pool were told to end");
  for (const auto& worker : workers_) worker->child->signal(number);
}

// Once shut down, workers without work are sent home; when the last has gone the pool is closed.
bool ProcessPoolCore::close_when_idle() {
  const std::scoped_lock lock(mutex_);
  stop_requested_.store(false, std::memory_order_seq_cst);
  if (phase_ != Phase::closing || !pending_.empty()) return false;
  bool sent = false;
  for (const auto& worker : workers_) {
    if (!worker->idle() || worker->retiring) continue;
    send_quit(*worker);
    sent = true;
  }
  if (workers_.empty()) phase_ = Phase::closed;
  return sent;
}

}  // namespace plait::pool

namespace plait::detail {

Ref<ProcessPool> ProcessPool::create(ProcessPoolConfig config) {
  return Ref<ProcessPool>::adopt(new pool::ProcessPoolCore(std::move(config)));
}

}  // namespace plait::detail
