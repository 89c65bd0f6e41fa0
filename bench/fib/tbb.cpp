// SPDX-License-Identifier: Apache-2.0
#include <oneapi/tbb/task_group.h>

#include <atomic>

#include "fib/fib.hpp"

int main(int argc, char** argv) {
  const auto [first, last] = bench::fib_range(argc, argv);
  std::atomic<std::int64_t> sum{0};
  const bench::Timer timer;
  oneapi::tbb::task_group group;
  for (std::int64_t n = first; n <= last; ++n) group.run([n, &sum] { sum += bench::fib(n); });
  group.wait();
  bench::report_fib(timer, sum, first, last);
}
