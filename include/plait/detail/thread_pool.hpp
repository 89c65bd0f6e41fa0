// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the typed ThreadPoolExecutor knows of the compiled thread pool.

#include <cstddef>
#include <exception>
#include <functional>
#include <string>

#include "plait/detail/export.hpp"
#include "plait/detail/local_task.hpp"
#include "plait/detail/pool_kind.hpp"
#include "plait/detail/ref.hpp"

namespace plait::detail {

struct ThreadPoolConfig {
  std::size_t max_workers = 1;
  std::string name_prefix;                      // threads are called NAME_PREFIX_0, …
  void (*name_thread)(std::string name);        // tells each so; what it throws is of no account
  std::function<void()> initializer = nullptr;  // run by each thread before its first task; may be empty
  PoolKind kind = PoolKind::executor;
};

// Counted: its workers keep it after the executor has gone.
class PLAIT_EXPORT ThreadPool {
 public:
  static Ref<ThreadPool> create(ThreadPoolConfig config);

  virtual void retain() noexcept = 0;
  virtual void release() noexcept = 0;

  // Takes the task, with a reference of its own, to run it later. The caller keeps his meanwhile. Throws what `submit`
  // is to throw; the task will then not run.
  virtual void post(LocalTask& task) = 0;
  // No task is taken from here on. `cancel_futures`: those that no worker has begun are cancelled. `wait`: returns when
  // the workers have run the rest and ended, except in a worker of this pool, which would wait for itself. Repeatable.
  virtual void shutdown(bool wait, bool cancel_futures) = 0;
  // shutdown(false, false), and tasks that no worker has begun fail with `cause`; their callbacks run in this thread.
  virtual void terminate(const std::exception_ptr& cause) noexcept = 0;
  // The pool came into this process by fork, without its workers.
  [[nodiscard]] virtual bool inherited() const noexcept = 0;

 protected:
  ~ThreadPool() = default;
};

}  // namespace plait::detail
