// SPDX-License-Identifier: Apache-2.0
#include <plait/futures.hpp>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  plait::futures::ThreadPoolExecutor pool({.max_workers = 2});
  for (int i = 0; i < 1000; ++i) pool.submit([i] { return i; }).result();
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) bench::check(pool.submit([i] { return i; }).result() == i, "a result");
  bench::report_ns(timer, count);
}
