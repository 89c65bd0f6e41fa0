// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// concurrent.futures.ProcessPoolExecutor: tasks run in worker processes, each crash-isolated from the program and
// from the other tasks. Same interface as ThreadPoolExecutor; what is submitted must be shippable (plait/wire.hpp),
// which is checked at compile time.

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/initial_call.hpp"
#include "plait/detail/process_pool.hpp"
#include "plait/futures/executor.hpp"
#include "plait/multiprocessing/context.hpp"

namespace plait::futures {

// What each worker runs before its first task: a shippable callable and its arguments, in braces.
//   ProcessPoolExecutor pool({.initializer = {load_model, "model.bin"}});
// Stands for Python's `initializer` and `initargs`. The arguments are encoded here, at once; throws EncodeError,
// OutOfSharedMemory, std::system_error (EMFILE: descriptors among them), and what their serializers throw. Handles of
// shared objects, connections and descriptors among them go to every worker; pools made with this keep them too, as
// long as they live.
class WorkerInitializer {
 public:
  WorkerInitializer() = default;
  template <class F, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<F>, WorkerInitializer>)
  WorkerInitializer(F&& function, Args&&... args)  // NOLINT(google-explicit-constructor): reads as an option
      : call_(detail::InitialCall::make(std::forward<F>(function), std::forward<Args>(args)...)) {}

  [[nodiscard]] const std::shared_ptr<const detail::InitialCall>& encoded_call() const noexcept { return call_; }

 private:
  std::shared_ptr<const detail::InitialCall> call_;
};

struct ProcessPoolOptions {
  std::optional<int> max_workers = {};                      // default: os::process_cpu_count()
  std::optional<multiprocessing::Context> mp_context = {};  // default: multiprocessing::get_context()
  WorkerInitializer initializer = {};                       // default: none
  std::optional<int> max_tasks_per_child = {};              // default: a worker is never replaced
};

// A pool of worker processes.
//
// Workers are started when tasks need them, up to max_workers; an idle one is used before a new one is started.
// A worker that dies, of whatever, costs exactly the task that it was running: that future fails with WorkerDied,
// which names pid, cause and task. Tasks it had not begun go to other workers, and the pool replaces it. Only when
// workers keep dying before they did anything, or the initializer fails, the pool gives up: every unsettled future
// and later submits fail with BrokenProcessPool, which says why.
//
// submit and map encode callable and arguments at the call, in the calling thread. They never wait for a busy worker,
// but may wait while a worker process is being started: some 0.3 ms, and for as long as the fork server is stopped, if
// somebody stops it. If an argument cannot be encoded, or a result not, that future alone fails. Results are decoded by
// the thread that asks for them, those of map also by the one that submits its calls. While a thread waits for a result
// it collects outcomes for the whole pool; callbacks run in the pool's own thread.
//
// So that no worker waits for the pool between two tasks, tasks are handed out ahead of their turn: two to each worker,
// and up to some 250 when they are shorter than 200 µs. A task counts as running() from then on, and neither cancel()
// nor shutdown({.cancel_futures = true}) takes it back.
//
// submit throws RuntimeError after shutdown, BrokenProcessPool on a broken pool, std::system_error when not even one
// worker can be started. All members are thread-safe. Destroying the executor is shutdown({.wait = true}).
// In a process that forked from the program, an inherited executor throws RuntimeError; make a new one there.
//
// Differs from Python: a worker's death breaks one task, not the pool; max_tasks_per_child works with the fork server
// and so does not change the start method; exceptions in encoding arguments show in that future at once; with start
// method fork, too, workers are started on demand; more tasks are handed out ahead (Python: max_workers + 1 in the
// whole pool); futures cancelled by shutdown count as done for wait() and as_completed().
//
//   int square(int x) { return x * x; }
//   plait::futures::ProcessPoolExecutor pool({.max_workers = 2});
//   int nine = pool.submit(square, 3).result();
class PLAIT_EXPORT ProcessPoolExecutor final : public Executor {
 public:
  // Throws ValueError: max_workers <= 0, max_tasks_per_child < 1, or max_tasks_per_child with start method "fork".
  explicit ProcessPoolExecutor(ProcessPoolOptions options = {});
  ProcessPoolExecutor(const ProcessPoolExecutor&) = delete;
  ProcessPoolExecutor& operator=(const ProcessPoolExecutor&) = delete;
  ~ProcessPoolExecutor() override;

  void shutdown(ShutdownOptions options = {}) override;

  // shutdown({.wait = false, .cancel_futures = true}), and SIGTERM to every live worker. Tasks that wait are cancelled;
  // when a worker has ended, the one that it ran fails with WorkerDied, those that it was handed and had not begun with
  // BrokenProcessPool. A worker in which a task has installed a handler of SIGTERM may go on with them instead. Without
  // workers, and on a broken pool, it is only the shutdown.
  void terminate_workers();
  // The same with SIGKILL.
  void kill_workers();

 protected:
  [[nodiscard]] detail::RemoteBackend* backend() noexcept override { return pool_.get(); }

 private:
  detail::Ref<detail::ProcessPool> pool_;
};

}  // namespace plait::futures
