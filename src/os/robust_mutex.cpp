// SPDX-License-Identifier: Apache-2.0
#include "os/robust_mutex.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "os/error.hpp"
#include "os/sanitizer.hpp"

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

namespace {

int lock_before(pthread_mutex_t& mutex, std::chrono::steady_clock::time_point deadline) noexcept {
  if constexpr (under_thread_sanitizer) {  // it does not know pthread_mutex_clocklock
    int error = EBUSY;
    while ((error = pthread_mutex_trylock(&mutex)) == EBUSY) {
      if (std::chrono::steady_clock::now() >= deadline) return ETIMEDOUT;
      sched_yield();
    }
    return error;
  }
  const auto since_boot = std::max(deadline.time_since_epoch(), std::chrono::steady_clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  const timespec until{static_cast<time_t>(seconds.count()), static_cast<long>((since_boot - seconds).count())};
  return pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &until);
}

}  // namespace

bool RobustMutex::lock_until(std::optional<std::chrono::steady_clock::time_point> deadline) {
  int error = deadline ? pthread_mutex_trylock(&mutex_) : pthread_mutex_lock(&mutex_);
  if (deadline && error == EBUSY) error = lock_before(mutex_, *deadline);
  if (error == 0) return true;
  if (error == ETIMEDOUT) return false;
  if (error != EOWNERDEAD) throw_system_error(error, "pthread_mutex_lock", "a lock between processes");
  pthread_mutex_consistent(&mutex_);
  return true;
}

}  // namespace plait::os
