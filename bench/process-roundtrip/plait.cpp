// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include "support/bench.hpp"

static std::int64_t same(std::int64_t x) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  plait::futures::ProcessPoolExecutor pool({.max_workers = 2});
  for (std::int64_t i = 0; i < 1000; ++i) pool.submit(same, i).result();
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) bench::check(pool.submit(same, i).result() == i, "a result");
  bench::report_ns(timer, count);
}
