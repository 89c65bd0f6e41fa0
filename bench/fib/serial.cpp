// SPDX-License-Identifier: Apache-2.0
#include "fib/fib.hpp"

int main(int argc, char** argv) {
  const auto [first, last] = bench::fib_range(argc, argv);
  const bench::Timer timer;
  std::int64_t sum = 0;
  for (std::int64_t n = first; n <= last; ++n) sum += bench::fib(n);
  bench::report_fib(timer, sum, first, last);
}
