// SPDX-License-Identifier: Apache-2.0
// std::async starts a thread for every task; in slices, as so many threads do not fit at once.
#include <future>
#include <vector>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  std::vector<std::future<std::int64_t>> futures;
  std::int64_t sum = 0;
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) {
    futures.push_back(std::async(std::launch::async, [i] { return i; }));
    if (futures.size() < 64 && i + 1 < count) continue;
    for (auto& future : futures) sum += future.get();
    futures.clear();
  }
  bench::check(sum == bench::sum_below(count), "sum of the results");
  bench::report_ns(timer, count);
}
