// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the typed ProcessPoolExecutor knows of the compiled process pool: it takes bytes, and can be shut down.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plait/detail/pool_kind.hpp"
#include "plait/detail/remote_task.hpp"

namespace plait::detail {

struct InitialCall;

struct ProcessPoolConfig {
  std::size_t max_workers = 1;
  std::string start_method;                          // "forkserver", "spawn" or "fork"
  std::optional<std::uint64_t> max_tasks_per_child;  // a worker is replaced after so many tasks
  std::shared_ptr<const InitialCall> initializer;    // what each worker runs first; may be null
  // What the worker of that number runs even before, lest it be a stranger to its family: an encoded call, made when
  // the worker is started, under the pool's mutex. May be empty.
  std::function<std::vector<std::byte>(std::uint32_t owner)> birth = {};
  std::vector<std::byte> farewell =
      {};  // an encoded call that each worker runs last, when it is sent home; may be empty
  PoolKind kind = PoolKind::executor;
};

class PLAIT_EXPORT ProcessPool : public RemoteBackend {
 public:
  static Ref<ProcessPool> create(ProcessPoolConfig config);

  // No task is taken from here on. `cancel_futures`: those not given to a worker yet are cancelled. `wait`: returns
  // when every task is settled and every worker has gone; else the rest is done in the background. Repeatable.
  virtual void shutdown(bool wait, bool cancel_futures) = 0;
  // shutdown(false, true), then `number` to each live worker; their running tasks fail with WorkerDied.
  virtual void signal_workers(int number) = 0;
  // Tasks that have not begun fail with `cause`. Workers get SIGTERM, and SIGKILL if they have not ended a second
  // later; their running tasks fail with WorkerDied. Returns when all are gone, but in the pool's own thread at once.
  virtual void terminate(std::exception_ptr cause) = 0;

 protected:
  ~ProcessPool() = default;
};

}  // namespace plait::detail
