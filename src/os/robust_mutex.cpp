// SPDX-License-Identifier: Apache-2.0
#include "os/robust_mutex.hpp"

#include <time.h>

#include <algorithm>
#include <cerrno>

#include "os/error.hpp"

namespace plait::os {

void RobustMutex::make() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int error = pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (error != 0) throw_system_error(error, "pthread_mutex_init");
}

bool RobustMutex::lock_until(std::optional<std::chrono::steady_clock::time_point> deadline) {
  int error = deadline ? pthread_mutex_trylock(&mutex_) : pthread_mutex_lock(&mutex_);
  if (deadline && error == EBUSY) {
    const auto since_boot = std::max(deadline->time_since_epoch(), std::chrono::steady_clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    const timespec until{static_cast<time_t>(seconds.count()), static_cast<long>((since_boot - seconds).count())};
    error = pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
  }
  if (error == 0) return true;
  if (error == ETIMEDOUT) return false;
  if (error != EOWNERDEAD) throw_system_error(error, "pthread_mutex_lock", "a lock between processes");
  pthread_mutex_consistent(&mutex_);
  return true;
}

}  // namespace plait::os
