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
// While others collect, or outcomes come thick, the collector looks so often instead of being rung for each: at first,
// and when the traffic goes on.
constexpr std::chrono::microseconds shortest_nap{100};
constexpr std::chrono::microseconds longest_nap{400};
constexpr std::uint64_t many_outcomes = 8;
// Tasks are stacked up before a busy worker for so long rather than that another is woken, which takes as long.
constexpr std::chrono::microseconds price_of_waking{20};
// Every so many-th post looks for outcomes: who submits a stream of tasks needs no collector.
constexpr std::uint32_t posts_between_visits = 16;

// One core is left to the threads that wait for the workers.
std::uint32_t spin_seats() {
  static const int cpus = os::process_cpu_count();  // asking takes longer than starting a process
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

bool is_free(const std::unique_ptr<Worker>& worker) { return worker->idle() && !worker->retiring; }

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
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    check_takes_tasks();
    if (!collector_started_) start_collector();
    if (workers_.empty()) start_worker();  // throws: the task was not taken
    task->number = ++task_number_;
    pending_.push_back(std::move(task));
    if (++posts_since_visit_ >= posts_between_visits) {
      posts_since_visit_ = 0;
      collected_by_others_ += collect(settled);
    }
    if (!lanes_full_) feed();
    if (bell_left_silent_ && !collector_watches_ && helpers_.load(std::memory_order_seq_cst) == 0) arm_bell();
  }
  settle(settled, false);
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

// The worker to give the next task to: an idle one, the warmest first; else a new one; else the least busy. Among short
// tasks also the warmest if it will be done with what it has before another can wake up.
Worker* ProcessPoolCore::worker_with_room() {
  if (hot_ != nullptr && hot_->idle() && !hot_->retiring) return hot_;
  if (hot_ != nullptr && collector_watches_ && hot_->has_room(depth_) && !worth_sharing(*hot_)) return hot_;
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

// Whether another worker should get a part of what this one has, even if it must be woken for it.
bool ProcessPoolCore::worth_sharing(const Worker& worker) noexcept {
  return worker.time_per_task * static_cast<std::int64_t>(worker.tasks_held()) >= price_of_waking;
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

std::uint64_t ProcessPoolCore::collect(TaskList& settled) {
  std::uint64_t freed = 0;
  for (const auto& worker : workers_) freed += collect_lane(*worker, settled);
  if (freed == 0) return 0;
  lanes_full_ = false;
  feed();
  if (pending_.empty()) rebalance();
  return freed;
}

std::uint64_t ProcessPoolCore::collect_lane(Worker& worker, TaskList& settled) {
  std::uint64_t outcomes = 0;
  std::uint64_t freed = 0;
  while (!worker.idle()) {
    const SlotState state = worker.lane.oldest_state();
    if (state == SlotState::done) {
      take_outcome(worker, settled);
      ++outcomes;
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

void ProcessPoolCore::take_outcome(Worker& worker, TaskList& settled) {
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
      outcome = Message(payload.size);
      std::copy_n(payload.data, payload.size, outcome.bytes().begin());
    }
  } catch (const Error&) {  // the worker wrote nonsense: it is not to be trusted any more
    failure = std::current_exception();
    worker.retiring = true;
    worker.child->signal(SIGKILL);
  } catch (const std::bad_alloc&) {
    failure = std::current_exception();
  }
  if (kind == Worker::Sent::initializer) {
    if (failure == nullptr && is_error) failure = wire::decode_exception(outcome.bytes());
    if (failure != nullptr) break_pool("the initializer of a worker process failed", failure);
    return;
  }
  if (failure != nullptr) {
    task->stage_failure(failure);
  } else {
    task->stage_outcome(std::move(outcome), is_error);
  }
  settled.push_back(std::move(task));
}

// A lane holds as many tasks as keep its worker busy between two visits: doubled whenever a visit finds the lane run
// dry while tasks wait, back to the least when tasks are long.
void ProcessPoolCore::adapt_depth(Worker& worker, std::uint64_t outcomes) {
  const auto now = std::chrono::steady_clock::now();
  worker.time_per_task = (now - worker.last_collected) / outcomes;
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

// Nothing waits any more: the busiest worker gives up half of what it has not begun, if another could run it.
void ProcessPoolCore::rebalance() {
  if (broken_ != nullptr || workers_.empty() || !another_is_free()) return;
  Worker& busiest = **std::ranges::max_element(workers_, {}, &Worker::tasks_held);
  if (busiest.tasks_held() < 2 || !worth_sharing(busiest)) return;
  if (std::ranges::none_of(workers_, &is_free) && try_start_worker() == nullptr) return;
  std::uint64_t wanted = busiest.tasks_held() / 2;
  for (std::uint64_t at = busiest.lane.next_position(); wanted > 0 && at-- > busiest.lane.oldest_position();) {
    if (busiest.sent(at).kind != Worker::Sent::task) continue;
    if (!busiest.lane.revoke(at)) break;
    pending_.push_front(busiest.take(at));
    --wanted;
  }
  feed();
}

// A task that has been running for long tells as much as one that is done.
void ProcessPoolCore::notice_long_tasks() {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& worker : workers_) {
    if (!worker->idle()) worker->time_per_task = std::max(worker->time_per_task, now - worker->last_collected);
  }
  if (pending_.empty()) rebalance();
}

// Tasks wait behind others although a worker is free: the collector must see that they do not wait for long.
bool ProcessPoolCore::has_stack() const noexcept {
  const auto has_several = [](const auto& worker) { return worker->tasks_held() > 1; };
  return broken_ == nullptr && std::ranges::any_of(workers_, has_several) && another_is_free();
}

bool ProcessPoolCore::another_is_free() const noexcept {
  return workers_.size() < config_.max_workers || std::ranges::any_of(workers_, &is_free);
}

bool ProcessPoolCore::collect_and_settle() noexcept {
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    collector_watches_ = true;
    outcomes_come_thick_ = collect(settled) >= many_outcomes;
    notice_long_tasks();
  }
  if (settled.empty()) return false;
  settle(settled, true);
  return !outcomes_come_thick_;
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
    collected_by_others_ += collect(settled);
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
  if (helpers_.fetch_sub(1, std::memory_order_seq_cst) != 1 || collector_watches_) return;
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

// The collector naps while there is traffic, so that nobody has to wake it for each outcome, and while tasks wait
// behind others although a worker is free; when a nap has brought nothing it sleeps until it is rung.
void ProcessPoolCore::sleep_until_something_happens() noexcept {
  std::optional<std::chrono::steady_clock::time_point> nap_until;
  {
    const std::scoped_lock lock(mutex_);
    const bool traffic = std::exchange(collected_by_others_, 0) != 0 || std::exchange(outcomes_come_thick_, false) ||
                         helpers_.load(std::memory_order_seq_cst) > 0;
    if (traffic || has_stack()) {
      nap_until = std::chrono::steady_clock::now() + nap_;
      if (!traffic) nap_until = std::max(*nap_until, next_start_);  // no sooner can a worker be started
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
  watching_.emplace();
  const os::BlockAllSignals blocked;  // the host's signals are for the host's threads
  retain();                           // the collector's
  try {
    collector_ = std::thread([this] { run_collector(); });
  } catch (...) {
    watching_.reset();
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
    bool progress = collect_and_settle();
    progress |= handle_exits();
    progress |= run_deferred_callbacks();
    progress |= close_when_idle();
    if (!progress && !closed()) sleep_until_something_happens();
  }
  LivePools::get().remove(*this);
  watching_.reset();
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
