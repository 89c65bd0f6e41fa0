// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the subjects of thread-lock and counter do with a lock, whatever its type.

#include <cstdint>
#include <mutex>
#include <thread>

#include "support/bench.hpp"

namespace bench {

// `count` times locked and unlocked, by one thread or by each of two; reports the time of a pair. Without contention,
// too, the process has a second thread: with one alone the C library leaves the locked instructions out.
template <class L>
void lock_and_unlock(std::int64_t count, bool contended) {
  L lock;
  std::int64_t counter = 0;
  const auto run = [&] {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::lock_guard held(lock);
      ++counter;
    }
  };
  std::thread other([] {});
  other.join();
  const Timer timer;
  if (contended) {
    std::thread second(run);
    run();
    second.join();
  } else {
    run();
  }
  const std::int64_t pairs = contended ? 2 * count : count;
  check(counter == pairs, "the counter under the lock");
  report_ns(timer, pairs);
}

// The tutorial's counter, taken `count` times up by one thread and down by another.
template <class L>
void up_and_down(std::int64_t count) {
  L lock;
  std::int64_t total = 0;
  const auto add = [&](int step) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::lock_guard held(lock);
      total += step;
    }
  };
  const Timer timer;
  std::thread up(add, 1), down(add, -1);
  up.join();
  down.join();
  check(total == 0, "the counter is 0 in the end");
  report_ns(timer, 2 * count);
}

}  // namespace bench
