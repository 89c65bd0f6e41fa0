// SPDX-License-Identifier: Apache-2.0
#include "pool/live_thread_pools.hpp"

#include <atomic>
#include <cstdlib>

#include "os/fork_generation.hpp"
#include "plait/detail/ref.hpp"
#include "pool/thread_pool.hpp"

namespace plait::pool {

LiveThreadPools::LiveThreadPools() : generation_(os::fork_generation()) {
  std::atexit([] { get().shut_down_all(); });
}

LiveThreadPools& LiveThreadPools::get() {
  static std::mutex mutex;
  static std::atomic<LiveThreadPools*> current{nullptr};
  // acquire: pairs with the release below
  LiveThreadPools* pools = current.load(std::memory_order_acquire);
  if (pools != nullptr && pools->generation_ == os::fork_generation()) return *pools;
  const std::scoped_lock lock(mutex);
  pools = current.load(std::memory_order_relaxed);
  if (pools == nullptr || pools->generation_ != os::fork_generation()) {
    pools = new LiveThreadPools;
    current.store(pools, std::memory_order_release);
  }
  return *pools;
}

bool LiveThreadPools::add(ThreadPoolCore& pool) {
  const std::scoped_lock lock(mutex_);
  if (!ending_) pools_.push_back(&pool);
  return !ending_;
}

void LiveThreadPools::remove(ThreadPoolCore& pool) noexcept {
  const std::scoped_lock lock(mutex_);
  std::erase(pools_, &pool);
}

void LiveThreadPools::shut_down_all() noexcept {
  std::vector<detail::Ref<ThreadPoolCore>> pools;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    for (ThreadPoolCore* pool : pools_) pools.emplace_back(pool);  // it has a worker, which keeps it
  }
  for (const auto& pool : pools) pool->shutdown(true, false);
}

}  // namespace plait::pool
