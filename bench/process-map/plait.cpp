// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <ranges>

#include "support/bench.hpp"

static std::int64_t same(std::int64_t x) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  const auto chunksize = static_cast<int>(bench::argument(argc, argv, 2));
  plait::futures::ProcessPoolExecutor pool({.max_workers = 2});
  pool.submit(same, 0).result();
  const bench::Timer timer;
  std::int64_t expected = 0;
  for (std::int64_t value : pool.map({.chunksize = chunksize}, same, std::views::iota(std::int64_t{0}, count)))
    bench::check(value == expected++, "a value of map");
  bench::check(expected == count, "number of values of map");
  bench::report_ns(timer, count);
}
