// SPDX-License-Identifier: Apache-2.0
#include "pool/live_pools.hpp"

#include <algorithm>
#include <cstdlib>

#include "os/fork_generation.hpp"
#include "plait/detail/ref.hpp"
#include "pool/process_pool.hpp"

namespace plait::pool {

LivePools& LivePools::get() {
  static LivePools& pools = *new LivePools;
  return pools;
}

LivePools::LivePools() {
  static const std::uint64_t generation = os::fork_generation();
  std::atexit([] {
    // In a child of the program the pools are the parent's.
    if (generation == os::fork_generation()) get().shut_down_all();
  });
}

void LivePools::add(ProcessPoolCore& pool) {
  const std::scoped_lock lock(mutex_);
  pools_.push_back(&pool);
}

void LivePools::remove(ProcessPoolCore& pool) noexcept {
  const std::scoped_lock lock(mutex_);
  std::erase(pools_, &pool);
}

void LivePools::shut_down_all() noexcept {
  for (;;) {
    detail::Ref<ProcessPoolCore> pool;
    {
      const std::scoped_lock lock(mutex_);
      if (pools_.empty()) return;
      pool = detail::Ref<ProcessPoolCore>(pools_.back());  // its collector has not ended, so it is alive
    }
    pool->shutdown(true, false);
  }
}

}  // namespace plait::pool
