// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <vector>

#include "fib/fib.hpp"

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const auto [first, last] = bench::fib_range(argc, argv);
  const bench::Timer timer;
  plait::futures::ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<plait::futures::Future<std::int64_t>> futures;
  for (std::int64_t n = first; n <= last; ++n) futures.push_back(pool.submit(bench::fib, n));
  std::int64_t sum = 0;
  for (auto& future : plait::futures::as_completed(futures)) sum += future.result();
  bench::report_fib(timer, sum, first, last);
}
