// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// concurrent.futures.ThreadPoolExecutor: tasks run in threads of this process.

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/local_task.hpp"
#include "plait/detail/thread_pool.hpp"
#include "plait/futures/executor.hpp"

namespace plait::futures {

// What each worker runs before its first task: a callable and its arguments, in braces. Stands for Python's
// `initializer` and `initargs`.
//   ThreadPoolExecutor pool({.initializer = {open_connection, "db.example", 5432}});
// All workers call the same copy, with the arguments as const lvalues: say std::ref(x) for a reference to x.
class ThreadInitializer {
 public:
  ThreadInitializer() = default;
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, ThreadInitializer> &&
             std::invocable<std::decay_t<F>&, const std::decay_t<Args>&...>)
  ThreadInitializer(F&& f, Args&&... args) {  // NOLINT(google-explicit-constructor): reads as an option
    call_ = [f = std::make_shared<std::decay_t<F>>(std::forward<F>(f)),
             args = std::make_shared<const std::tuple<std::decay_t<Args>...>>(std::forward<Args>(args)...)] {
      std::apply(*f, *args);
    };
  }

  // Empty: none.
  [[nodiscard]] const std::function<void()>& call() const noexcept { return call_; }

 private:
  std::function<void()> call_;
};

struct ThreadPoolOptions {
  std::optional<int> max_workers{};     // default: os::process_cpu_count() + 4, at most 32
  std::string thread_name_prefix = {};  // default: "ThreadPoolExecutor-N"
  ThreadInitializer initializer = {};   // default: none
};

// A pool of threads.
//
// Threads are started when tasks need them, up to max_workers; an idle one is used before a new one is started. They
// are called PREFIX_i, by threading::current_thread().name() and by the system (which cuts at 15 characters). An idle
// worker looks for work for some 50 µs and then sleeps until there is some: an idle pool uses no processor.
//
// Tasks begin in the order of submission. An exception of whatever type is kept in the task's future; the worker lives
// on. A task that calls pthread_exit ends the program. If the initializer throws, the pool is broken: it is reported on
// stderr, and queued futures and later submits fail with BrokenThreadPool.
//
// If the system refuses a thread, the pool goes on with those it has; only when there is none submit throws.
// Destroying the executor is shutdown({.wait = true}), and the end of the program waits for the tasks of all executors,
// static and leaked ones too. Destroyed in one of its own tasks or callbacks, it does not wait. In a process that
// forked from the program, an inherited executor throws RuntimeError; make a new one there.
//
// Differs from Python: a task may wait, without a timeout, for tasks of its own pool. If nobody has begun such a task
// then, the waiting worker runs it itself, so this cannot deadlock, whatever the size of the pool; keep no lock that
// the other task takes. Futures cancelled by shutdown count as done for wait() and as_completed().
//
//   ThreadPoolExecutor pool({.max_workers = 2});
//   Future<std::string> page = pool.submit(get_html, "https://example.org");
//   pool.submit([&] { count.fetch_add(1); });    // anything callable; the future may be dropped
class PLAIT_EXPORT ThreadPoolExecutor final : public Executor {
 public:
  // Throws ValueError: max_workers <= 0.
  explicit ThreadPoolExecutor(ThreadPoolOptions options = {});
  explicit ThreadPoolExecutor(int max_workers) : ThreadPoolExecutor(ThreadPoolOptions{.max_workers = max_workers}) {}
  ~ThreadPoolExecutor() override;

  // As Executor::submit, for anything callable with decayed copies of the arguments as rvalues: move-only ones,
  // captures, std::ref(x). The result may be move-only or a reference.
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  auto submit(F&& f, Args&&... args) -> Future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> {
    using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    auto task = detail::make_local_task<R>(std::forward<F>(f), std::forward<Args>(args)...);
    pool_->post(*task);
    return detail::FutureAccess::make(detail::Ref<detail::ResultState<R>>(std::move(task)));
  }

  // As Executor::map, for anything callable. All calls share one copy of f, and run at the same time: if it changes
  // what it captured, it has to guard that.
  template <class F, std::ranges::input_range... Ranges>
    requires std::invocable<std::decay_t<F>&, std::ranges::range_value_t<Ranges>...>
  auto map(MapOptions options, F&& f, Ranges&&... ranges) {
    using R = std::invoke_result_t<std::decay_t<F>&, std::ranges::range_value_t<Ranges>...>;
    auto shared = std::make_shared<std::decay_t<F>>(std::forward<F>(f));
    auto submit_one = [this, shared = std::move(shared)](auto&&... args) {
      return this->submit(detail::SharedCallable<std::decay_t<F>>{shared}, std::forward<decltype(args)>(args)...);
    };
    return map_plainly<R>(options, std::move(submit_one), std::forward<Ranges>(ranges)...);
  }
  template <class F, std::ranges::input_range... Ranges>
    requires std::invocable<std::decay_t<F>&, std::ranges::range_value_t<Ranges>...>
  auto map(F&& f, Ranges&&... ranges) {
    return map(MapOptions{}, std::forward<F>(f), std::forward<Ranges>(ranges)...);
  }

  void shutdown(ShutdownOptions options = {}) override;

 protected:
  void post(detail::LocalTask& task) override;

 private:
  detail::Ref<detail::ThreadPool> pool_;
};

}  // namespace plait::futures
