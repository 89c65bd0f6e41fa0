// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/thread_pool_executor.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "plait/errors.hpp"
#include "plait/os.hpp"
#include "threading/thread_state.hpp"

namespace plait::futures {
namespace {

constexpr int extra_workers = 4;  // tasks of threads tend to wait for something, so more than processors
constexpr int most_workers = 32;

std::string next_default_prefix() {
  static std::atomic<unsigned> counter{0};
  return "ThreadPoolExecutor-" + std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
}

detail::ThreadPoolConfig checked(ThreadPoolOptions&& options) {
  if (options.max_workers && *options.max_workers <= 0) {
    throw ValueError("max_workers must be greater than 0, not " + std::to_string(*options.max_workers) +
                     "; leave it out for the default");
  }
  const int max_workers =
      options.max_workers ? *options.max_workers : std::min(most_workers, os::process_cpu_count() + extra_workers);
  return {
      .max_workers = static_cast<std::size_t>(max_workers),
      .name_prefix = options.thread_name_prefix.empty() ? next_default_prefix() : std::move(options.thread_name_prefix),
      .name_thread = &detail::ThreadState::name_this_thread,
      .initializer = options.initializer.call()};
}

}  // namespace

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolOptions options)
    : pool_(detail::ThreadPool::create(checked(std::move(options)))) {}

ThreadPoolExecutor::~ThreadPoolExecutor() {
  if (pool_->inherited()) {
    (void)pool_.detach();  // its threads are the parent's, they cannot be joined here: left as it is
    return;
  }
  pool_->shutdown(true, false);
}

void ThreadPoolExecutor::shutdown(ShutdownOptions options) { pool_->shutdown(options.wait, options.cancel_futures); }

void ThreadPoolExecutor::post(detail::LocalTask& task) { pool_->post(task); }

}  // namespace plait::futures
