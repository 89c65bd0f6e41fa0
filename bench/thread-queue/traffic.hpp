// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Producers put the numbers 0, 1, …, count - 1 into one queue, each its share, and as many consumers take them out.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/bench.hpp"

namespace bench {

// `queue` has put(int) and get(), which wait; reports M items/s.
template <class Queue>
void run_traffic(Queue& queue, std::int64_t pairs, std::int64_t count) {
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> threads;
  const std::int64_t share = count / pairs;
  const Timer timer;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    threads.emplace_back([&, pair] {
      for (std::int64_t i = pair * share; i < (pair + 1) * share; ++i) queue.put(static_cast<int>(i));
    });
    threads.emplace_back([&] {
      std::int64_t own_sum = 0;
      for (std::int64_t i = 0; i < share; ++i) own_sum += queue.get();
      sum += own_sum;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = timer.seconds();
  check(sum == sum_below(share * pairs), "sum of the items");
  report(static_cast<double>(share * pairs) / seconds / 1e6);
}

}  // namespace bench
