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
  static constinit std::atomic<int> known{not_counted};
  // relaxed throughout: a number that does not change
  if (const int count = known.load(std::memory_order_relaxed); count != not_counted) return count;
  int count = 1;
  try {
    count = process_cpu_count() - 1;
  } catch (...) {  // no memory
  }
  known.store(count, std::memory_order_relaxed);
  return count;
}

bool has_one_processor() noexcept { return SpinSeats::count() == 0; }

SpinSeats& SpinSeats::of_waiters() noexcept { return seats_of_waiters; }

}  // namespace plait::os
