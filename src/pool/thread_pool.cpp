// SPDX-License-Identifier: Apache-2.0
#include "pool/thread_pool.hpp"

#include <sched.h>

#include <climits>
#include <cstdio>
#include <system_error>
#include <utility>

#include "os/fork_generation.hpp"
#include "os/futex.hpp"
#include "os/spin.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "pool/live_pools.hpp"

namespace plait::pool {

using detail::FutureState;
using detail::LocalTask;
using detail::Ref;

namespace {

constexpr std::chrono::milliseconds start_retry_pause{50};

}  // namespace

// ---- a worker ----------------------------------------------------------------------------------------------------

// One thread's share of the pool. Lives on its stack.
class ThreadPoolCore::Worker {
 public:
  explicit Worker(ThreadPoolCore& pool) noexcept : pool_(pool) {}

  void main(std::size_t index);
  // Runs a task that a task on this thread waits for.
  void run_nested(LocalTask& task);

  static thread_local Worker* current;
  [[nodiscard]] bool belongs_to(const void* pool) const noexcept { return &pool_ == pool; }

 private:
  static constexpr int most_nested = 250;  // tasks that wait for tasks on one stack

  bool initialize() noexcept;
  Ref<LocalTask> next_task();
  void run(LocalTask& task) noexcept;
  void finish(LocalTask& task) noexcept;
  void start_searching() noexcept;
  void stop_searching() noexcept;
  void sleep() noexcept;

  ThreadPoolCore& pool_;
  bool searching_ = true;  // counted in idle_ by whoever started this worker
  int nested_ = 0;
  os::SpinBudget spin_budget_;
};

thread_local ThreadPoolCore::Worker* ThreadPoolCore::Worker::current = nullptr;

void ThreadPoolCore::Worker::main(std::size_t index) {
  try {
    pool_.config_.name_thread(pool_.config_.name_prefix + "_" + std::to_string(index));
  } catch (const std::exception&) {  // it can do without
  }
  current = this;
  FutureState::set_this_thread_runs_tasks(true);
  if (initialize()) {
    if (!searching_) start_searching();
    while (Ref<LocalTask> task = next_task()) {
      if (searching_) stop_searching();
      run(*task);
    }
  }
  if (searching_) stop_searching();
  current = nullptr;
  FutureState::set_this_thread_runs_tasks(false);
  bool last;
  {
    const std::scoped_lock lock(pool_.mutex_);
    last = --pool_.alive_ == 0;
  }
  if (last) LivePools<ThreadPoolCore>::get().remove(pool_);
}

bool ThreadPoolCore::Worker::initialize() noexcept {
  if (!pool_.config_.initializer) return true;
  // It may take long: tasks that come meanwhile must not rely on this worker.
  searching_ = false;
  pool_.idle_.fetch_sub(one_searching, std::memory_order_seq_cst);
  if (!pool_.queue_.empty()) pool_.wake_one();
  try {
    pool_.config_.initializer();
    return true;
  } catch (const std::exception& error) {
    pool_.break_pool(error.what());
  } catch (...) {
    pool_.break_pool("something that is not a std::exception");
  }
  return false;
}

// nullptr: the pool is closing and nothing is left.
Ref<LocalTask> ThreadPoolCore::Worker::next_task() {
  Ref<LocalTask> task = pool_.queue_.pop();
  if (task) return task;
  if (!searching_) start_searching();
  for (;;) {
    const auto found = [&] {
      if (!pool_.queue_.empty()) task = pool_.queue_.pop();
      return task || pool_.phase_.load(std::memory_order_relaxed) != Phase::open;
    };
    if (const os::SpinSeats::Taken seat(pool_.spin_seats_); seat) {
      spin_budget_.spin(found);
    } else {
      found();
    }
    if (task) return task;
    // seq_cst: pairs with post(), which pushes before it looks at the phase
    if (pool_.phase_.load(std::memory_order_seq_cst) == Phase::open) {
      sleep();
    } else if (pool_.queue_.empty()) {
      return nullptr;
    }
  }
}

void ThreadPoolCore::Worker::run(LocalTask& task) noexcept {
  FutureState& state = task.state();
  if (state.unwatched()) return task.run();  // only the queue knows of it: nobody to tell
  if (state.try_start()) {
    task.run();
    // A worker counts as searching before the waiting thread can submit again: that task then needs no other worker.
    if (pool_.queue_.empty()) start_searching();
    finish(task);
  } else if (state.cancelled()) {
    task.discard();
  }
}

void ThreadPoolCore::Worker::run_nested(LocalTask& task) {
  if (task.state().status() != detail::Status::pending) return;
  if (nested_ >= most_nested) {
    throw RuntimeError("tasks of a thread pool wait for tasks of the same pool " + std::to_string(most_nested) +
                       " deep in one worker; let them return futures instead of waiting for them");
  }
  if (!task.state().try_start()) return;
  ++nested_;
  task.run();
  finish(task);
  --nested_;
}

void ThreadPoolCore::Worker::finish(LocalTask& task) noexcept {
  if (task.state().publish()) return;
  if (searching_) stop_searching();
  task.state().run_callbacks();
}

void ThreadPoolCore::Worker::start_searching() noexcept {
  pool_.idle_.fetch_add(one_searching, std::memory_order_seq_cst);
  searching_ = true;
}

// The last searcher passes the search on if there is more to do.
void ThreadPoolCore::Worker::stop_searching() noexcept {
  searching_ = false;
  const std::uint64_t before = pool_.idle_.fetch_sub(one_searching, std::memory_order_seq_cst);
  if (searching(before) == 1 && !pool_.queue_.empty()) pool_.see_to_new_task(true);
}

void ThreadPoolCore::Worker::sleep() noexcept {
  searching_ = false;
  pool_.idle_.fetch_add(one_sleeping - one_searching, std::memory_order_seq_cst);
  if (pool_.phase_.load(std::memory_order_seq_cst) != Phase::open) {
    pool_.wake_all();
  } else if (!pool_.queue_.empty()) {
    pool_.wake_one();
  }
  pool_.wait_for_ticket();
  searching_ = true;  // counted by who gave the ticket
}

// ---- sleeping and waking -----------------------------------------------------------------------------------------

// After a push. `backlog`: tasks were there before. Whoever pushed may be late: its task is taken already then, and the
// worker that has it searches no more; nobody else is needed.
void ThreadPoolCore::see_to_new_task(bool backlog) noexcept {
  const std::uint64_t idle = idle_.load(std::memory_order_seq_cst);
  if (searching(idle) == 0 && queue_.empty()) return;
  if (searching(idle) == 0 && sleeping(idle) > 0) {
    wake_one();
  } else if (sleeping(idle) == 0 && (searching(idle) == 0 || backlog) && !full_.load(std::memory_order_relaxed)) {
    try_start_another();
  }
}

// Grants a wake-up, unless somebody is searching already or nobody sleeps.
bool ThreadPoolCore::wake_one() noexcept {
  std::uint64_t idle = idle_.load(std::memory_order_relaxed);
  do {
    if (searching(idle) > 0 || sleeping(idle) == 0) return false;
  } while (!idle_.compare_exchange_weak(idle, idle - one_sleeping + one_searching, std::memory_order_seq_cst));
  tickets_.fetch_add(1, std::memory_order_release);
  os::futex_wake(tickets_, 1, os::Scope::private_);
  return true;
}

void ThreadPoolCore::wake_all() noexcept {
  std::uint64_t idle = idle_.load(std::memory_order_relaxed);
  while (!idle_.compare_exchange_weak(idle, idle - sleeping(idle) * (one_sleeping - one_searching),
                                      std::memory_order_seq_cst)) {
  }
  tickets_.fetch_add(static_cast<std::uint32_t>(sleeping(idle)), std::memory_order_release);
  os::futex_wake(tickets_, INT_MAX, os::Scope::private_);
}

void ThreadPoolCore::wait_for_ticket() noexcept {
  for (;;) {
    std::uint32_t tickets = tickets_.load(std::memory_order_relaxed);
    // acquire: pairs with the release of who granted it
    if (tickets > 0 && tickets_.compare_exchange_weak(tickets, tickets - 1, std::memory_order_acquire)) return;
    if (tickets == 0) os::futex_wait(tickets_, 0, std::nullopt, os::Scope::private_);
  }
}

// ---- the pool ----------------------------------------------------------------------------------------------------

ThreadPoolCore::ThreadPoolCore(detail::ThreadPoolConfig config)
    : config_(std::move(config)), generation_(os::fork_generation()) {}

// The workers have let go of the pool, so they are done but for their last instructions.
ThreadPoolCore::~ThreadPoolCore() {
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

void ThreadPoolCore::release() noexcept {
  // acq_rel: the last owner sees all that the others did before they let go
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

bool ThreadPoolCore::inherited() const noexcept { return generation_ != os::fork_generation(); }

void ThreadPoolCore::post(LocalTask& task) {
  if (inherited()) {
    throw RuntimeError(
        "this pool of threads belongs to the parent process, a forked child cannot use it; make one in the child");
  }
  if (phase_.load(std::memory_order_relaxed) != Phase::open) throw_unusable();
  if (!started_.load(std::memory_order_relaxed)) start_first_worker();
  const bool backlog = !full_.load(std::memory_order_relaxed) && !queue_.empty();
  task.pool = this;
  queue_.push(task);
  // seq_cst: pairs with next_task(). If the pool has closed meanwhile, its workers may have gone without the task; it
  // is refused unless one of them has begun it. Its place in the queue does no harm.
  if (phase_.load(std::memory_order_seq_cst) != Phase::open && task.state().try_start()) {
    task.discard();
    throw_unusable();
  }
  see_to_new_task(backlog);
}

void ThreadPoolCore::throw_unusable() const {
  if (phase_.load(std::memory_order_acquire) == Phase::broken) std::rethrow_exception(broken_);
  if (config_.kind == detail::PoolKind::pool) throw ValueError("Pool not running: it was closed or terminated");
  throw RuntimeError("cannot schedule new futures after shutdown; make a new ThreadPoolExecutor");
}

void ThreadPoolCore::start_first_worker() {
  const std::scoped_lock lock(mutex_);
  if (started_.load(std::memory_order_relaxed)) return;
  if (phase_.load(std::memory_order_relaxed) != Phase::open) throw_unusable();
  if (!LivePools<ThreadPoolCore>::get().add(*this)) {
    throw RuntimeError("cannot schedule new futures after the program has begun to exit");
  }
  try {
    start_worker();
  } catch (const std::system_error& error) {
    LivePools<ThreadPoolCore>::get().remove(*this);
    throw std::system_error(error.code(),
                            "plait: not even one worker of a pool of threads could be started (have fewer in other "
                            "pools, or raise ulimit -u or -v)");
  } catch (...) {
    LivePools<ThreadPoolCore>::get().remove(*this);
    throw;
  }
  started_.store(true, std::memory_order_relaxed);
}

// Fewer workers than wanted will do: when the system has no thread to give, those there are go on, and it is asked
// again a little later, when there are still too few.
void ThreadPoolCore::try_start_another() noexcept {
  const std::scoped_lock lock(mutex_);
  if (threads_.size() >= config_.max_workers || phase_.load(std::memory_order_relaxed) != Phase::open) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_start_) return;
  try {
    start_worker();
  } catch (...) {
    next_start_ = now + start_retry_pause;
  }
}

// Under mutex_. Throws std::system_error, std::bad_alloc.
void ThreadPoolCore::start_worker() {
  const std::size_t index = threads_.size();
  threads_.reserve(config_.max_workers < 64 ? config_.max_workers : index + 1);
  idle_.fetch_add(one_searching, std::memory_order_seq_cst);
  retain();
  try {
    threads_.emplace_back([this, index] {
      const auto pool = Ref<ThreadPoolCore>::adopt(this);
      Worker(*this).main(index);
    });
  } catch (...) {
    idle_.fetch_sub(one_searching, std::memory_order_seq_cst);
    references_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
  ++alive_;
  if (threads_.size() == config_.max_workers) full_.store(true, std::memory_order_relaxed);
}

void ThreadPoolCore::break_pool(const char* why) noexcept {
  std::fprintf(stderr, "plait: exception in the initializer of a thread pool's worker: %s\n", why);
  {
    const std::scoped_lock lock(mutex_);
    if (phase_.load(std::memory_order_relaxed) != Phase::broken) {
      broken_ = std::make_exception_ptr(futures::BrokenThreadPool(
          std::string("a thread initializer failed, the thread pool is not usable anymore: ") + why +
          "; make a new pool"));
      phase_.store(Phase::broken, std::memory_order_seq_cst);
    }
  }
  fail_queued(broken_);
  wake_all();
}

void ThreadPoolCore::fail_queued(const std::exception_ptr& cause) noexcept {
  while (const Ref<LocalTask> task = pop_surely()) {
    if (!task->state().try_start()) {
      if (task->state().cancelled()) task->discard();
      continue;
    }
    task->fail(cause);
    if (!task->state().publish()) task->state().run_callbacks();
  }
}

// nullptr: there is none, nor one whose push, or that of one before it, is not complete.
Ref<LocalTask> ThreadPoolCore::pop_surely() noexcept {
  for (;;) {
    if (Ref<LocalTask> task = queue_.pop()) return task;
    if (queue_.empty()) return nullptr;
    sched_yield();
  }
}

void ThreadPoolCore::cancel_queued() noexcept {
  while (const Ref<LocalTask> task = pop_surely()) {
    if (task->state().cancel_and_notify()) task->discard();
  }
}

void ThreadPoolCore::shutdown(bool wait, bool cancel_futures) {
  if (inherited()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (phase_.load(std::memory_order_relaxed) == Phase::open) phase_.store(Phase::closing, std::memory_order_seq_cst);
  }
  if (cancel_futures) cancel_queued();
  wake_all();
  if (wait && (Worker::current == nullptr || !Worker::current->belongs_to(this))) join_workers();
}

void ThreadPoolCore::terminate(const std::exception_ptr& cause) noexcept {
  if (inherited()) return;
  shutdown(false, false);
  fail_queued(cause);
}

void ThreadPoolCore::end_with_program() {
  if (config_.kind == detail::PoolKind::pool) terminate(std::make_exception_ptr(CancelledError("the program ends")));
  shutdown(true, false);
}

void ThreadPoolCore::run_here(LocalTask& task) {
  Worker* worker = Worker::current;
  if (worker != nullptr && worker->belongs_to(task.pool)) worker->run_nested(task);
}

void ThreadPoolCore::join_workers() {
  const std::scoped_lock joining(join_mutex_);
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace plait::pool

namespace plait::detail {

Ref<ThreadPool> ThreadPool::create(ThreadPoolConfig config) {
  return Ref<ThreadPool>::adopt(new pool::ThreadPoolCore(std::move(config)));
}

void LocalTask::run_in_own_worker() { pool::ThreadPoolCore::run_here(*this); }

}  // namespace plait::detail
