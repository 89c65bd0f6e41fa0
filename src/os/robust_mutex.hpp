// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A mutex in memory that processes share, which the kernel unlocks when its owner dies: the next to lock it goes on. (A
// robust mutex of POSIX.) For what is in order at every step, so that nobody has to repair it.

#include <pthread.h>

#include <chrono>
#include <optional>

namespace plait::os {

class RobustMutex {
 public:
  // Zeroed memory is none yet. Throws std::system_error.
  void make();

  // False: the deadline has passed. Throws std::system_error: the memory is no mutex (another process wrote there).
  [[nodiscard]] bool lock_until(std::optional<std::chrono::steady_clock::time_point> deadline);
  void lock() { static_cast<void>(lock_until(std::nullopt)); }
  void unlock() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace plait::os
