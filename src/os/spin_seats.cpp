// SPDX-License-Identifier: Apache-2.0
#include "os/spin_seats.hpp"

#include <pthread.h>

#include <new>

#include "os/spin.hpp"
#include "plait/os.hpp"

namespace plait::os {
namespace {

constinit SpinSeats seats_of_waiters;

// Seats that other threads held at the fork would never come free.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { new (&seats_of_waiters) SpinSeats; });

}  // namespace

int SpinSeats::count() noexcept {
  try {
    return process_cpu_count() - 1;
  } catch (...) {
    return 1;
  }
}

bool has_one_processor() noexcept {
  constexpr int not_counted = -1;
  static constinit std::atomic<int> others{not_counted};
  // relaxed throughout: a number that does not change
  if (others.load(std::memory_order_relaxed) == not_counted)
    others.store(SpinSeats::count(), std::memory_order_relaxed);
  return others.load(std::memory_order_relaxed) == 0;
}

SpinSeats& SpinSeats::of_waiters() noexcept { return seats_of_waiters; }

}  // namespace plait::os
