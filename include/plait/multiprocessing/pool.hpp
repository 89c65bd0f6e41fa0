// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Pool: calls made by worker processes, and ThreadPool: the same by threads. Python's multiprocessing.Pool and
// multiprocessing.pool.ThreadPool.
//
//   Pool pool(4);
//   for (int n : pool.imap_unordered(get_html, std::vector{1, 5, 3})) show(n);
//   auto result = pool.apply_async(long_time_task, 3);
//   pool.close();
//   pool.join();
//   result.get();
//
// What both can do is told in multiprocessing/basic_pool.hpp. They stand on the pools of the executors.

#include <memory>
#include <optional>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/pool_core.hpp"
#include "plait/futures/process_pool_executor.hpp"
#include "plait/futures/thread_pool_executor.hpp"
#include "plait/multiprocessing/basic_pool.hpp"
#include "plait/multiprocessing/context.hpp"

namespace plait::multiprocessing {

// Stands for Python's `initializer` and `initargs`: a callable and its arguments in braces.
using futures::WorkerInitializer;

struct PoolOptions {
  std::optional<int> processes = {};         // default: os::process_cpu_count()
  WorkerInitializer initializer = {};        // what each worker runs first: {load_model, "model.bin"}; default: nothing
  std::optional<int> maxtasksperchild = {};  // a worker is replaced after so many tasks, of which a chunk is one
  std::optional<Context> context = {};       // default: get_context()
};

// A pool of worker processes. Functions, arguments and results must be shippable (plait/wire.hpp): what is not does not
// compile.
//
// Workers are started when tasks need them. They are daemonic, so a Process that a task starts is refused with
// AssertionError. A worker that dies, of whatever, costs the one task that it was running (with chunks, that chunk),
// which fails with futures::WorkerDied; it is replaced. When an initializer throws, or workers keep dying before they
// did anything, the pool is broken: all that waits fails with futures::BrokenProcessPool, which says why.
//
// Destroying a pool terminates it, as leaving Python's `with` does, and so does the end of the program: close() and
// join() it to have everything done. In a process that forked from the program an inherited pool throws RuntimeError.
//
// Differs from Python: what a worker that died, or terminate(), has left undone fails, where get() would never return;
// callbacks that throw are reported, and the later ones run; a failing initializer is not tried again for ever; a
// chunksize less than 1 is refused; imap is lazy; a Pool in a task of a Pool is allowed.
class PLAIT_EXPORT Pool final : public BasicPool<detail::ProcessBackend> {
 public:
  // Throws ValueError: processes or maxtasksperchild < 1.
  explicit Pool(const PoolOptions& options = {});
  explicit Pool(int processes) : Pool(PoolOptions{.processes = processes}) {}
  ~Pool() { core().terminate(); }

  // What has not begun fails with CancelledError. Workers get SIGTERM, and SIGKILL if they have not ended a second
  // later; what they were running fails with futures::WorkerDied. Returns when they have gone, but in a callback at
  // once. Repeatable.
  void terminate() { core().terminate(); }
};

using ThreadInitializer = futures::ThreadInitializer;

struct ThreadPoolOptions {
  std::optional<int> processes = {};   // how many threads; default: os::process_cpu_count()
  ThreadInitializer initializer = {};  // what each thread runs first
};

// A pool of threads. Anything callable will do, captures included: it is called on a copy of its own, which a map
// shares among its calls. Results are kept by value, and may be move-only. A task may wait for results of its own pool:
// what nobody has begun is then run by the waiting thread.
//
// Destroying it terminates it and waits for the tasks that run, which may refer to what is destroyed next.
class PLAIT_EXPORT ThreadPool final : public BasicPool<detail::ThreadBackend> {
 public:
  // Throws ValueError: processes < 1.
  explicit ThreadPool(const ThreadPoolOptions& options = {});
  explicit ThreadPool(int processes) : ThreadPool(ThreadPoolOptions{.processes = processes}) {}
  ~ThreadPool() {
    core().terminate();
    core().join();
  }

  // What has not begun fails with CancelledError; what runs goes on. Does not wait. Repeatable.
  void terminate() { core().terminate(); }
};

// Under the names that Python has them by.
namespace pool {

using multiprocessing::AsyncResult, multiprocessing::IMapIterator, multiprocessing::Pool, multiprocessing::ThreadPool;

}  // namespace pool
}  // namespace plait::multiprocessing
