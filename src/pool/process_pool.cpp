// SPDX-License-Identifier: Apache-2.0
#include "pool/process_pool.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "os/fork_generation.hpp"
#include "os/spin_seats.hpp"
#include "plait/errors.hpp"
#include "plait/os.hpp"
#include "pool/worker.hpp"
#include "shm/heap.hpp"

namespace plait::pool {
namespace {

using detail::Message;
using detail::Ref;
using detail::RemoteTask;
using shm::Heap;

// Workers that die without having done anything: so many in so long, then the pool gives up.
constexpr std::size_t deaths_allowed_per_worker = 4;
constexpr std::chrono::seconds deaths_period{5};
// After a worker could not be started while others run, the next try is this much later.
constexpr std::chrono::milliseconds start_retry_pause{50};
// How long workers have to end after SIGTERM.
constexpr std::chrono::seconds grace{1};
// Every so many-th post looks for outcomes: who submits a stream of tasks needs no collector.
constexpr std::uint32_t posts_between_visits = 16;

process::StartMethod start_method(const std::string& name) {
  if (name == "spawn") return process::StartMethod::spawn;
  if (name == "fork") return process::StartMethod::fork;
  return process::StartMethod::forkserver;
}

Ref<RemoteTask> keep_new(RemoteTask& task) noexcept {
  task.state().retain_new();
  return Ref<RemoteTask>::adopt(&task);
}

// Forwards the supervisor's report to the pool, and keeps the pool until then.
class ExitForwarder final : public process::ExitListener {
 public:
  ExitForwarder(Ref<ProcessPoolCore> pool, std::uint32_t owner) : pool_(std::move(pool)), owner_(owner) {}
  void on_exit(process::Child& child, process::ExitStatus status,
               std::shared_ptr<process::Estate> estate) noexcept override {
    pool_->report_exit({owner_, child.pid(), status, std::move(estate)});
  }

 private:
  Ref<ProcessPoolCore> pool_;
  std::uint32_t owner_;
};

}  // namespace

ProcessPoolCore::ProcessPoolCore(detail::ProcessPoolConfig config)
    : config_(std::move(config)),
      generation_(os::fork_generation()),
      block_(new(Heap::get().allocate(sizeof(PoolBlock)))
                 PoolBlock(static_cast<std::uint32_t>(os::SpinSeats::count()))),
      restarts_(deaths_allowed_per_worker * config_.max_workers, deaths_period) {
  farewell_ = Message::copy_of(config_.farewell);
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

std::exception_ptr ProcessPoolCore::make_broken(const std::string& why) {
  return std::make_exception_ptr(futures::BrokenProcessPool(why));
}

bool ProcessPoolCore::begin(RemoteTask& task) noexcept { return task.state().running() || task.state().try_start(); }

bool ProcessPoolCore::inherited() const noexcept { return generation_ != os::fork_generation(); }

// ---- taking tasks ------------------------------------------------------------------------------------------------

void ProcessPoolCore::check_takes_tasks() const {
  if (phase_ != Phase::open) {
    if (config_.kind == detail::PoolKind::pool) throw ValueError("Pool not running: it was closed or terminated");
    throw RuntimeError("cannot schedule new futures after shutdown; make a new ProcessPoolExecutor");
  }
  if (broken_ != nullptr) std::rethrow_exception(broken_);
}

void ProcessPoolCore::post(RemoteTask& task) {
  if (inherited()) {
    throw RuntimeError(
        "this pool of processes belongs to the parent process, a forked child cannot use it; make one in the child");
  }
  TaskList settled;
  {
    const std::scoped_lock lock(mutex_);
    check_takes_tasks();
    // What can be done before is not left for after the collector has begun: a fork should copy no thread at work.
    std::unique_ptr<Worker> first = workers_.empty() ? make_worker() : nullptr;
    if (!collector_started_) start_collector();
    if (first != nullptr) start_worker(std::move(first));  // throws: the task was not taken
    task.number = ++task_number_;
    if (++posts_since_visit_ < posts_between_visits) {
      take_new(task);
    } else {
      posts_since_visit_ = 0;
      pending_.push_back(keep_new(task));
      collected_by_others_ += collect(settled);
      announce_settling(settled);
      if (!lanes_full_) feed();
    }
    if (start_refused_ && !collector_watches_) wake_collector();  // it tries again, while this task may have to wait
    if (bell_left_silent_ && !collector_watches_ && helpers_.load(std::memory_order_seq_cst) == 0) arm_bell();
  }
  settle(settled, false);
}

// Straight into a lane, if none waits before it and one is to have it: as yet nobody can cancel it.
void ProcessPoolCore::take_new(RemoteTask& task) {
  const bool is_next = pending_.empty() && !lanes_full_;
  if (Worker* const worker = is_next ? next_worker(Spread::if_long, 0) : nullptr) {
    task.state().start_new();
    return give(*worker, keep_new(task));
  }
  pending_.push_back(keep_new(task));
  if (!is_next && !lanes_full_) feed();
}

void ProcessPoolCore::feed(Spread spread) {
  while (!pending_.empty()) {
    Worker* const worker = next_worker(spread, pending_.size() - 1);
    if (worker == nullptr) return;
    Ref<RemoteTask> task = pending_.pop_front();
    if (begin(*task)) give(*worker, std::move(task));
  }
}

// The worker to give the next task to, behind which `others` wait: an idle one, the warmest first; else a new one; else
// the least busy. But short tasks go to the warmest alone, if it will be done with all of them before another can wake
// up. nullptr: the task is to wait, be it for the warmest, or because all lanes are full.
Worker* ProcessPoolCore::next_worker(Spread spread, std::size_t others) {
  if (hot_ != nullptr && hot_->idle() && !hot_->retiring) return hot_;
  if (spread == Spread::if_long && collector_will_look() && hot_ != nullptr && !hot_->retiring &&
      !worth_sharing(*hot_, others)) {
    return hot_->has_room(depth_) ? hot_ : nullptr;
  }
  Worker* least_busy = nullptr;
  for (const auto& worker : workers_) {
    if (worker->retiring) continue;
    if (worker->idle()) return worker.get();  // not one that is still being initialized, if there is another
    if (least_busy == nullptr || worker->tasks_held() < least_busy->tasks_held()) least_busy = worker.get();
  }
  if (least_busy != nullptr && least_busy->tasks_held() == 0) return least_busy;
  if (workers_.size() < config_.max_workers) {
    if (Worker* started = try_start_worker()) return started;
  }
  if (least_busy != nullptr && least_busy->has_room(depth_)) return least_busy;
  lanes_full_ = true;
  return nullptr;
}

// Whether another worker should get a part of what this one has, and of so many others, even if it must be woken.
bool ProcessPoolCore::worth_sharing(const Worker& worker, std::size_t others) noexcept {
  const auto tasks = static_cast<std::int64_t>(worker.tasks_held() + others);
  return tasks > 0 && worker.time_per_task >= std::chrono::nanoseconds(price_of_waking) / tasks;
}

void ProcessPoolCore::give(Worker& worker, Ref<RemoteTask> task) {
  Message& call = task->message();
  worker.send(Worker::Sent::task, task.detach(), call);
  hot_ = &worker;
  if (config_.max_tasks_per_child && ++worker.given >= *config_.max_tasks_per_child) send_quit(worker);
}

void ProcessPoolCore::send_quit(Worker& worker) {
  worker.send(Worker::Sent::quit, nullptr, farewell_);
  worker.retiring = true;
}

Worker* ProcessPoolCore::try_start_worker() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_start_) return nullptr;
  try {
    Worker& started = start_worker(make_worker());
    start_refused_ = false;
    return &started;
  } catch (...) {
    start_error_ = std::current_exception();
    start_refused_ = true;
    next_start_ = now + start_retry_pause;
    return nullptr;
  }
}

std::unique_ptr<Worker> ProcessPoolCore::make_worker() {
  auto worker = std::make_unique<Worker>(*block_, Heap::get().new_owner());
  if (config_.birth) worker->birth = Message::copy_of(config_.birth(worker->owner()));
  // Handles arrive once: each worker gets its own.
  if (config_.initializer && !config_.initializer->message.handles().empty()) {
    worker->initializer = config_.initializer->message.copy();
  }
  return worker;
}

Worker& ProcessPoolCore::start_worker(std::unique_ptr<Worker> worker) {
  workers_.reserve(workers_.size() + 1);
  {
    const std::scoped_lock lock(exits_mutex_);
    exits_.reserve(workers_.size() + 1);  // each ends once: to report it takes no memory
  }
  auto listener = std::make_shared<ExitForwarder>(Ref<ProcessPoolCore>(this), worker->owner());
  worker->child = process::start(start_method(config_.start_method), {&worker_main, worker->argument()},
                                 worker->owner(), std::move(listener));
  workers_.push_back(std::move(worker));
  introduce(*workers_.back());
  return *workers_.back();
}

void ProcessPoolCore::introduce(Worker& worker) {
  if (worker.birth.size() != 0) worker.send(Worker::Sent::birth, nullptr, worker.birth);
  if (config_.initializer == nullptr) return;
  const bool has_own = worker.initializer.size() != 0;
  worker.send(Worker::Sent::initializer, nullptr, has_own ? worker.initializer : config_.initializer->message);
}

// ---- the end -----------------------------------------------------------------------------------------------------

// What waits and has not been given to a worker yet. A task that came back from one that died is running, as far as
// its future knows, and stays.
TaskList ProcessPoolCore::take_cancellable() noexcept {
  TaskList cancellable;
  TaskList others;
  while (!pending_.empty()) {
    Ref<RemoteTask> task = pending_.pop_front();
    (task->state().running() ? others : cancellable).push_back(std::move(task));
  }
  pending_.append(std::move(others));
  return cancellable;
}

void ProcessPoolCore::shutdown(bool wait, bool cancel_futures) {
  if (inherited()) return;
  TaskList cancelled;
  {
    const std::scoped_lock lock(mutex_);
    begin_closing();
    if (cancel_futures) cancelled.append(take_cancellable());
  }
  while (!cancelled.empty()) cancelled.pop_front()->state().cancel_and_notify();
  wake_collector();
  if (wait) join();
}

// Under mutex_; to be followed by wake_collector().
void ProcessPoolCore::begin_closing() noexcept {
  if (phase_ == Phase::open) phase_ = Phase::closing;
  if (!collector_started_) phase_ = Phase::closed;  // never had a task
  closing_.store(true, std::memory_order_seq_cst);
  stop_requested_.store(true, std::memory_order_seq_cst);
}

void ProcessPoolCore::join() {
  if (is_collector()) return;
  const std::scoped_lock joining(join_mutex_);
  if (collector_.joinable()) collector_.join();
}

void ProcessPoolCore::end_with_program() {
  if (config_.kind == detail::PoolKind::pool) terminate(std::make_exception_ptr(CancelledError("the program ends")));
  shutdown(true, false);
}

void ProcessPoolCore::signal_workers(int number) {
  if (inherited()) return;
  shutdown(false, true);
  const std::scoped_lock lock(mutex_);
  if (workers_.empty() || broken_ != nullptr) return;
  broken_ = make_broken("the workers of this pool were told to end");
  for (const auto& worker : workers_) worker->child->signal(number);
}

void ProcessPoolCore::terminate(std::exception_ptr cause) {
  if (inherited()) return;
  TaskList failed;
  {
    const std::scoped_lock lock(mutex_);
    begin_closing();
    if (broken_ == nullptr) broken_ = std::move(cause);
    fail_pending(broken_, failed);
    announce_settling(failed);
    for (const auto& worker : workers_) worker->child->signal(SIGTERM);
  }
  settle(failed, false);
  wake_collector();
  if (is_collector()) return;
  {
    std::unique_lock lock(mutex_);
    if (!closed_.wait_for(lock, grace, [this] { return phase_ == Phase::closed; })) {
      for (const auto& worker : workers_) worker->child->signal(SIGKILL);
    }
  }
  join();
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
  if (!workers_.empty() || settling_.load(std::memory_order_seq_cst) != 0) return sent;
  if (has_deferred_.load(std::memory_order_seq_cst)) return true;
  phase_ = Phase::closed;
  closed_.notify_all();
  return sent;
}

}  // namespace plait::pool

namespace plait::detail {

Ref<ProcessPool> ProcessPool::create(ProcessPoolConfig config) {
  return Ref<ProcessPool>::adopt(new pool::ProcessPoolCore(std::move(config)));
}

}  // namespace plait::detail
