// SPDX-License-Identifier: Apache-2.0
#include <plait/futures.hpp>

#include <atomic>
#include <vector>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  const bool with_futures = bench::argument(argc, argv, 2) != 0;
  std::atomic<std::int64_t> sum{0};
  plait::futures::ThreadPoolExecutor pool({.max_workers = 2});
  for (int i = 0; i < 100; ++i) pool.submit([] { return 0; }).result();
  std::vector<plait::futures::Future<std::int64_t>> futures;
  futures.reserve(static_cast<std::size_t>(count));
  const bench::Timer timer;
  if (with_futures) {
    for (std::int64_t i = 0; i < count; ++i) futures.push_back(pool.submit([i] { return i; }));
    for (auto& future : futures) sum += future.result();
  } else {
    for (std::int64_t i = 0; i < count; ++i) (void)pool.submit([i, &sum] { sum += i; });
    pool.shutdown();
  }
  bench::check(sum == bench::sum_below(count), "sum of the results");
  bench::report_ns(timer, count);
}
