// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The pools that have threads of their own, so that the end of the program can wait for their tasks, as Python's does.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "os/at_exit.hpp"
#include "os/fork_generation.hpp"
#include "plait/detail/ref.hpp"

namespace plait::pool {

// Of one kind of pool. Thread-safe.
template <class Pool>
class LivePools {
 public:
  // This process's: a forked child has none of its parent's. Never destroyed, for pools may be static themselves.
  static LivePools& get() {
    static std::atomic<LivePools*> current{nullptr};
    // acquire: pairs with the release below. No lock, which a fork might find held.
    LivePools* pools = current.load(std::memory_order_acquire);
    while (pools == nullptr || pools->generation_ != os::fork_generation()) {
      std::unique_ptr<LivePools> made(new LivePools);
      os::at_exit([] { get().shut_down_all(); });  // twice if two threads come here, which does no harm
      if (current.compare_exchange_strong(pools, made.get(), std::memory_order_acq_rel)) return *made.release();
    }
    return *pools;
  }

  // False: the program is ending, the pool must not start.
  [[nodiscard]] bool add(Pool& pool) {
    const std::scoped_lock lock(mutex_);
    if (!ending_) pools_.push_back(&pool);
    return !ending_;
  }
  void remove(Pool& pool) noexcept {
    const std::scoped_lock lock(mutex_);
    std::erase(pools_, &pool);
  }

 private:
  LivePools() : generation_(os::fork_generation()) {}

  // From here on no pool is added. One whose own thread ends the program is not waited for.
  void shut_down_all() {
    std::vector<detail::Ref<Pool>> pools;
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
      for (Pool* pool : pools_) pools.emplace_back(pool);  // its threads keep it, so it is alive
    }
    for (const auto& pool : pools) pool->end_with_program();
  }

  const std::uint64_t generation_;
  std::mutex mutex_;
  std::vector<Pool*> pools_;
  bool ending_ = false;
};

}  // namespace plait::pool
