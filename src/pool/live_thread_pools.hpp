// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The thread pools that have workers, so that the end of the program can wait for their tasks, as Python's does.

#include <cstdint>
#include <mutex>
#include <vector>

namespace plait::pool {

class ThreadPoolCore;

class LiveThreadPools {
 public:
  // This process's: a forked child has none of its parent's. Never destroyed, for pools may be static themselves.
  static LiveThreadPools& get();

  // False: the program is ending, no worker may be started.
  [[nodiscard]] bool add(ThreadPoolCore& pool);
  void remove(ThreadPoolCore& pool) noexcept;
  // From here on until the end no pool is added.
  void shut_down_all() noexcept;

 private:
  LiveThreadPools();

  const std::uint64_t generation_;
  std::mutex mutex_;
  std::vector<ThreadPoolCore*> pools_;
  bool ending_ = false;
};

}  // namespace plait::pool
