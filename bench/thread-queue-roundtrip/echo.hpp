// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A number goes to another thread through one queue and comes back through a second, one at a time.

#include <cstdint>
#include <thread>

#include "support/bench.hpp"

namespace bench {

template <class Queue>
void run_echo(Queue& there, Queue& back, std::int64_t count) {
  std::thread echo([&] {
    for (;;) {
      const int item = there.get();
      back.put(item);
      if (item < 0) return;
    }
  });
  const auto run = [&](std::int64_t i) {
    there.put(static_cast<int>(i));
    check(back.get() == static_cast<int>(i), "an item");
  };
  for (std::int64_t i = 0; i < 1000; ++i) run(i);
  const Timer timer;
  for (std::int64_t i = 0; i < count; ++i) run(i);
  report_ns(timer, count);
  run(-1);
  echo.join();
}

}  // namespace bench
