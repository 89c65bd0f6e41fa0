// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i)
    bench::check(std::async(std::launch::async, [i] { return i; }).get() == i, "a result");
  bench::report_ns(timer, count);
}
