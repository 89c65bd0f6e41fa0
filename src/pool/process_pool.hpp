// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The process pool: gives encoded tasks to worker processes, brings their outcomes back, replaces workers that die.
// docs/design/process-pool.md tells the whole mechanism; in short:
//
//  * submit puts a task into the lane of the worker that is to have it, or, if it is to wait, at the end of `pending_`.
//  * Outcomes are collected from the lanes by whoever is there: a thread that waits for a future (help), or the
//    pool's own collector thread, which sleeps on the doorbell while nobody helps.
//  * Who arms the doorbell looks at lanes, deaths and stop requests once more before anybody sleeps on it.
//  * A dead worker's lane tells what became of each of its tasks: see shm/task_ring.hpp.
//
// Locks: `mutex_` guards the lanes' master ends, the queue and the workers; no user code runs and no future is
// settled under it. `exits_mutex_` guards the list of deaths alone, so that the supervisor never waits for a pool
// that is starting a worker.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "os/spin.hpp"
#include "plait/detail/initial_call.hpp"
#include "plait/detail/process_pool.hpp"
#include "pool/restart_limit.hpp"
#include "pool/task_list.hpp"
#include "pool/worker_block.hpp"
#include "process/process.hpp"
#include "shm/task_ring.hpp"

namespace plait::pool {

class Worker;

// A worker process that ended, as the supervisor reports it.
struct WorkerExit {
  std::uint32_t owner = 0;
  pid_t pid = 0;
  process::ExitStatus status;
  std::shared_ptr<process::Estate> estate;
};

class ProcessPoolCore final : public detail::ProcessPool {
 public:
  explicit ProcessPoolCore(detail::ProcessPoolConfig config);
  ProcessPoolCore(const ProcessPoolCore&) = delete;
  ProcessPoolCore& operator=(const ProcessPoolCore&) = delete;
  ~ProcessPoolCore();

  void retain() noexcept override { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept override;

  void post(detail::RemoteTask& task) override;
  void help(bool (*done)(const void*) noexcept, const void* context) noexcept override;
  void shutdown(bool wait, bool cancel_futures) override;
  void signal_workers(int number) override;
  void terminate(std::exception_ptr cause) override;
  void run_callbacks(detail::Ref<detail::RemoteTask> task) noexcept override;

  // At the end of the program; waits until the pool is closed.
  void end_with_program();

  // The supervisor's report of a death; takes no lock that is held while a worker is started.
  void report_exit(WorkerExit exit) noexcept;

 private:
  enum class Phase : std::uint8_t { open, closing, closed };
  // Whether a task goes to a free worker although it is said to be short.
  enum class Spread : std::uint8_t { if_long, at_once };

  // Tasks are stacked up before a busy worker for so long rather than that another is woken, which takes as long.
  static constexpr std::chrono::microseconds price_of_waking{20};

  // Taking tasks (process_pool.cpp); under mutex_.
  void check_takes_tasks() const;
  void take_new(detail::RemoteTask& task);
  void feed(Spread spread = Spread::if_long);
  [[nodiscard]] Worker* next_worker(Spread spread, std::size_t others);
  [[nodiscard]] static bool worth_sharing(const Worker& worker, std::size_t others) noexcept;
  [[nodiscard]] Worker* try_start_worker();
  [[nodiscard]] std::unique_ptr<Worker> make_worker();
  Worker& start_worker(std::unique_ptr<Worker> worker);
  void introduce(Worker& worker);
  void give(Worker& worker, detail::Ref<detail::RemoteTask> task);
  void send_quit(Worker& worker);
  [[nodiscard]] TaskList take_cancellable() noexcept;

  // False: it was cancelled. A task that comes back from a dead worker is running already, as far as its future knows.
  static bool begin(detail::RemoteTask& task) noexcept;

  // Bringing outcomes back (process_pool_outcomes.cpp); under mutex_.
  // These two return how many slots they freed.
  std::uint64_t collect(TaskList& settled);
  std::uint64_t collect_lane(Worker& worker, TaskList& settled);
  bool take_outcome(Worker& worker, TaskList& settled);
  void adapt_depth(Worker& worker, std::uint64_t outcomes);
  void rebalance();
  void notice_long_tasks();
  [[nodiscard]] static Spread spread_behind(const Worker& worker) noexcept;
  [[nodiscard]] bool has_stack() const noexcept;
  [[nodiscard]] bool another_is_free() const noexcept;
  void handle_exit(WorkerExit exit, TaskList& settled);
  void fail_pending(const std::exception_ptr& cause, TaskList& settled);
  void break_pool(const std::string& why);

  static std::exception_ptr make_broken(const std::string& why);
  void begin_closing() noexcept;
  void join();

  // Sleeping and waking (process_pool_collector.cpp); the first three under mutex_.
  // Soon, and learns how long tasks take: so they may be stacked.
  [[nodiscard]] bool collector_will_look() const noexcept { return collector_watches_ && !collector_is_away_; }
  void stop_helping() noexcept;
  void arm_bell() noexcept;
  [[nodiscard]] bool something_to_do() noexcept;
  [[nodiscard]] bool has_requests() const noexcept;
  void wake_collector() noexcept;
  void ask_to_close() noexcept;

  // The collector thread.
  void start_collector();
  void run_collector() noexcept;
  bool collect_and_settle() noexcept;
  // What collect() or fail_pending() gave; without the mutex.
  void settle(TaskList& settled, bool may_run_callbacks) noexcept;
  void defer_callbacks(detail::Ref<detail::RemoteTask> task) noexcept;
  // Under mutex_: settle() will be called for these.
  void announce_settling(const TaskList& settled) noexcept;
  bool handle_exits();
  std::optional<WorkerExit> next_exit() noexcept;
  bool run_deferred_callbacks() noexcept;
  void leave_for_callbacks();
  bool close_when_idle();
  [[nodiscard]] bool closed();
  void sleep_until_something_happens() noexcept;

  [[nodiscard]] bool is_collector() const noexcept;  // in its own thread
  [[nodiscard]] bool inherited() const noexcept;     // a copy in a process that the host forked

  const detail::ProcessPoolConfig config_;
  const std::uint64_t generation_;
  std::atomic<std::uint64_t> references_{1};
  PoolBlock* block_;
  detail::Message farewell_;  // the bytes that every worker runs last

  std::mutex mutex_;
  Phase phase_ = Phase::open;
  TaskList pending_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Worker* hot_ = nullptr;    // the worker that was busy last: its cache is warm and it may still spin
  std::uint64_t depth_ = 2;  // how many tasks a lane may hold while others wait
  bool lanes_full_ = false;  // of no worker there was room in the lane, and nothing was collected since
  std::uint32_t posts_since_visit_ = 0;
  std::uint64_t task_number_ = 0;
  RestartLimit restarts_;
  std::exception_ptr broken_;       // why no task can run any more
  bool killed_for_good_ = false;    // the pool killed its workers because it is broken
  std::exception_ptr start_error_;  // why the last worker could not be started
  bool start_refused_ = false;      // no further worker could be started, at the last attempt
  std::chrono::steady_clock::time_point next_start_;
  bool bell_left_silent_ = false;  // nothing was in a lane when the last helper left: the next post arms
  bool collector_started_ = false;
  bool collector_watches_ = false;         // it is awake, or naps: the bell need not be armed
  bool collector_is_away_ = false;         // it runs callbacks, for as long as they take
  bool outcomes_come_thick_ = false;       // its last look found many
  std::uint64_t collected_by_others_ = 0;  // since it last went to sleep
  std::chrono::microseconds nap_{100};     // its next

  std::mutex exits_mutex_;
  std::vector<WorkerExit> exits_;
  std::atomic<bool> has_exits_{false};

  std::mutex deferred_mutex_;
  TaskList deferred_;  // settled by helpers, their callbacks still to run
  std::atomic<bool> has_deferred_{false};
  std::atomic<bool> stop_requested_{false};
  // Threads between announce_settling and the end of settle: the pool is not closed meanwhile, for they may leave
  // callbacks to the collector.
  std::atomic<std::uint32_t> settling_{0};
  std::atomic<bool> closing_{false};  // phase_ is no longer open

  std::atomic<std::uint32_t> helpers_{0};
  std::atomic<std::uint32_t> naps_{0};  // a futex word: 1 while the collector naps
  std::atomic<std::int64_t> help_budget_ns_{os::SpinBudget::most.count()};
  std::optional<std::chrono::steady_clock::time_point> helper_gave_up_;  // when it had begun; under mutex_

  std::optional<process::Watching> watching_;  // as long as the collector runs
  std::condition_variable closed_;             // with mutex_: phase_ has become closed
  std::mutex join_mutex_;
  std::thread collector_;
};

}  // namespace plait::pool
