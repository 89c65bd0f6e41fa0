// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <vector>

#include "support/bench.hpp"

static std::int64_t same(std::int64_t x) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  plait::futures::ProcessPoolExecutor pool({.max_workers = 2});
  pool.submit(same, 0).result();
  std::vector<plait::futures::Future<std::int64_t>> futures;
  futures.reserve(static_cast<std::size_t>(count));
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) futures.push_back(pool.submit(same, i));
  std::int64_t sum = 0;
  for (auto& future : futures) sum += future.result();
  bench::check(sum == bench::sum_below(count), "sum of the results");
  bench::report_ns(timer, count);
}
