// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The tutorial's other job: fib(n) for a range of n, by plain recursion. Python's range is smaller, so what is compared
// is the time for one call of fib.

#include <cstdint>

#include "support/bench.hpp"

namespace bench {

struct FibRange {
  std::int64_t first;
  std::int64_t last;
};

inline FibRange fib_range(int argc, char** argv) { return {argument(argc, argv), argument(argc, argv, 2)}; }

inline std::int64_t fib(std::int64_t n) { return n <= 2 ? 1 : fib(n - 1) + fib(n - 2); }

// sum: of fib(first) to fib(last), which is fib(last + 2) - fib(first + 1). fib(n) is 2 fib(n) - 1 calls.
inline void report_fib(const Timer& timer, std::int64_t sum, std::int64_t first, std::int64_t last) {
  const double seconds = timer.seconds();
  std::int64_t expected = 0;
  for (std::int64_t n = 1, a = 1, b = 1; n <= last; ++n) {
    if (n >= first) expected += a;
    b += a;
    a = b - a;
  }
  check(sum == expected, "sum of the results");
  report(seconds * 1e9 / static_cast<double>(2 * sum - (last - first + 1)));
}

}  // namespace bench
