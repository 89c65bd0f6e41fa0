// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The thread pool: one queue, workers that are started on demand, spin a moment for more work, and sleep.
// docs/design/thread-pool.md tells the mechanism; in short:
//
//  * A worker without a task is *searching* (it looks at the queue, spinning) or *sleeping*; `idle_` counts both.
//  * Who pushes a task wakes a sleeper, or starts a worker, only if nobody is searching: a searcher will find the task.
//  * The last searcher that finds a task does the same when there are more tasks, so the pool gets going step by step.
//  * Who goes to sleep looks at the queue once more after saying so; who pushes looks at `idle_` after pushing. One
//    of the two sees the other, so no task waits while a worker sleeps.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "os/spin_seats.hpp"
#include "plait/detail/thread_pool.hpp"
#include "pool/task_queue.hpp"

namespace plait::pool {

class ThreadPoolCore final : public detail::ThreadPool {
 public:
  explicit ThreadPoolCore(detail::ThreadPoolConfig config);
  ThreadPoolCore(const ThreadPoolCore&) = delete;
  ThreadPoolCore& operator=(const ThreadPoolCore&) = delete;
  ~ThreadPoolCore();

  void retain() noexcept override { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept override;
  void post(detail::LocalTask& task) override;
  void shutdown(bool wait, bool cancel_futures) override;
  void terminate(const std::exception_ptr& cause) noexcept override;
  [[nodiscard]] bool inherited() const noexcept override;

  // At the end of the program; waits for the tasks.
  void end_with_program();

  // In a worker of the task's pool: runs the task now, if nobody has begun it. Elsewhere: nothing.
  static void run_here(detail::LocalTask& task);

 private:
  class Worker;
  enum class Phase : std::uint8_t { open, closing, broken };

  // The two counts of idle_.
  static constexpr std::uint64_t one_searching = 1;
  static constexpr std::uint64_t one_sleeping = std::uint64_t{1} << 32;
  static constexpr std::uint64_t searching(std::uint64_t idle) noexcept { return idle & (one_sleeping - 1); }
  static constexpr std::uint64_t sleeping(std::uint64_t idle) noexcept { return idle / one_sleeping; }

  [[noreturn]] void throw_unusable() const;
  void start_first_worker();
  void start_worker();
  void try_start_another() noexcept;
  void see_to_new_task(bool backlog) noexcept;
  bool wake_one() noexcept;
  void wake_all() noexcept;
  void wait_for_ticket() noexcept;

  void break_pool(const char* why) noexcept;
  detail::Ref<detail::LocalTask> pop_surely() noexcept;
  void cancel_queued() noexcept;
  void fail_queued(const std::exception_ptr& cause) noexcept;
  void join_workers();

  const detail::ThreadPoolConfig config_;
  const std::uint64_t generation_;
  std::atomic<std::uint64_t> references_{1};
  std::atomic<Phase> phase_{Phase::open};  // changes under mutex_
  std::atomic<bool> started_{false};       // there is a worker
  std::atomic<bool> full_{false};          // there are max_workers

  TaskQueue queue_;
  alignas(64) std::atomic<std::uint64_t> idle_{0};
  std::atomic<std::uint32_t> tickets_{0};  // wake-ups granted and not yet taken by a sleeper; a futex word
  os::SpinSeats spin_seats_;

  std::mutex mutex_;  // guards what follows
  std::vector<std::thread> threads_;
  std::size_t alive_ = 0;
  std::chrono::steady_clock::time_point next_start_;  // no sooner, since the system has refused a thread
  std::exception_ptr broken_;

  std::mutex join_mutex_;
};

}  // namespace plait::pool
