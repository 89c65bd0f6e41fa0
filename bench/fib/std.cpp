// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <vector>

#include "fib/fib.hpp"

int main(int argc, char** argv) {
  const auto [first, last] = bench::fib_range(argc, argv);
  const bench::Timer timer;
  std::vector<std::future<std::int64_t>> futures;
  for (std::int64_t n = first; n <= last; ++n) futures.push_back(std::async(std::launch::async, bench::fib, n));
  std::int64_t sum = 0;
  for (auto& future : futures) sum += future.get();
  bench::report_fib(timer, sum, first, last);
}
