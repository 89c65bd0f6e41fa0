// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The process pools that have a collector thread, so that the end of the program can wait for their tasks, as
// Python's does.

#include <mutex>
#include <vector>

namespace plait::pool {

class ProcessPoolCore;

class LivePools {
 public:
  // Never destroyed: pools with static storage duration may outlive it otherwise.
  static LivePools& get();

  void add(ProcessPoolCore& pool);
  void remove(ProcessPoolCore& pool) noexcept;

 private:
  LivePools();
  void shut_down_all() noexcept;

  std::mutex mutex_;
  std::vector<ProcessPoolCore*> pools_;
};

}  // namespace plait::pool
