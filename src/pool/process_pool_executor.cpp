// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/process_pool_executor.hpp"

#include <signal.h>

#include <string>

#include "multiprocessing/worker_birth.hpp"
#include "plait/errors.hpp"
#include "plait/os.hpp"

namespace plait::futures {
namespace {

detail::ProcessPoolConfig checked(ProcessPoolOptions&& options) {
  const int max_workers = options.max_workers.value_or(os::process_cpu_count());
  if (max_workers <= 0) {
    throw ValueError("max_workers must be greater than 0, not " + std::to_string(max_workers) +
                     "; leave it out for one worker per processor");
  }
  const multiprocessing::Context context =
      options.mp_context ? *std::move(options.mp_context) : multiprocessing::get_context();
  detail::ProcessPoolConfig config;
  config.max_workers = static_cast<std::size_t>(max_workers);
  config.start_method = context.get_start_method();
  config.birth = detail::worker_birth(config.kind, config.start_method);
  config.farewell = detail::worker_farewell();
  config.initializer = options.initializer.encoded_call();
  if (options.max_tasks_per_child) {
    if (*options.max_tasks_per_child < 1) {
      throw ValueError("max_tasks_per_child must be at least 1, not " + std::to_string(*options.max_tasks_per_child) +
                       "; leave it out to keep workers as long as the pool");
    }
    if (config.start_method == "fork") {
      throw ValueError(
          "max_tasks_per_child cannot be used with the start method 'fork': replacing workers would fork a program "
          "with threads; use get_context(\"forkserver\") or get_context(\"spawn\")");
    }
    config.max_tasks_per_child = static_cast<std::uint64_t>(*options.max_tasks_per_child);
  }
  return config;
}

}  // namespace

ProcessPoolExecutor::ProcessPoolExecutor(ProcessPoolOptions options)
    : pool_(detail::ProcessPool::create(checked(std::move(options)))) {}

ProcessPoolExecutor::~ProcessPoolExecutor() { pool_->shutdown(true, false); }

void ProcessPoolExecutor::shutdown(ShutdownOptions options) { pool_->shutdown(options.wait, options.cancel_futures); }

void ProcessPoolExecutor::terminate_workers() { pool_->signal_workers(SIGTERM); }

void ProcessPoolExecutor::kill_workers() { pool_->signal_workers(SIGKILL); }

}  // namespace plait::futures
