// SPDX-License-Identifier: Apache-2.0
#include "os/spin_seats.hpp"

#include <memory>

#include "os/fork_handlers.hpp"
#include "plait/os.hpp"

namespace plait::os {
namespace {

constexpr int not_counted = -1;
constinit std::atomic<int> known_count{not_counted};
constinit SpinSeats seats_of_waiters;

// Seats that other threads held at the fork would never come free, and the child may be given other processors.
[[gnu::constructor(registers_handlers)]] void register_handlers() {
  pthread_atfork(nullptr, nullptr, [] {
    known_count.store(not_counted, std::memory_order_relaxed);
    std::construct_at(&seats_of_waiters);
  });
}

}  // namespace

int SpinSeats::count() noexcept {
  // relaxed throughout: a number that does not change
  if (const int count = known_count.load(std::memory_order_relaxed); count != not_counted) return count;
  int count = 1;
  try {
    count = process_cpu_count() - 1;
  } catch (...) {  // no memory
  }
  known_count.store(count, std::memory_order_relaxed);
  return count;
}

bool has_one_processor() noexcept { return SpinSeats::count() == 0; }

SpinSeats& SpinSeats::of_waiters() noexcept { return seats_of_waiters; }

}  // namespace plait::os
