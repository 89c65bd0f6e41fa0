// SPDX-License-Identifier: Apache-2.0
// plait WHAT COUNT [CHUNKSIZE]; WHAT is map, imap_unordered, starmap or apply; without CHUNKSIZE the default.
#include <plait/plait.hpp>

#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "support/bench.hpp"

static std::int64_t same(std::int64_t x) { return x; }
static std::int64_t first(std::int64_t x, std::int64_t) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::string what = argv[1];
  const std::int64_t count = bench::argument(argc, argv, 2);
  std::optional<std::ptrdiff_t> chunksize;
  if (argc > 3) chunksize = bench::argument(argc, argv, 3);
  const auto numbers = std::views::iota(std::int64_t{0}, count);
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  if (what == "starmap") {
    for (const std::int64_t i : numbers) pairs.emplace_back(i, i);
  }
  plait::multiprocessing::Pool pool(2);
  for (std::int64_t i = 0; i < 1000; ++i) bench::check(pool.apply(same, i) == i, "a result");

  const bench::Timer timer;
  std::int64_t sum = 0;
  if (what == "map") {
    for (const std::int64_t x : pool.map({.chunksize = chunksize}, same, numbers)) sum += x;
  } else if (what == "starmap") {
    for (const std::int64_t x : pool.starmap({.chunksize = chunksize}, first, pairs)) sum += x;
  } else if (what == "imap_unordered") {
    for (const std::int64_t x : pool.imap_unordered({.chunksize = chunksize.value_or(1)}, same, numbers)) sum += x;
  } else {
    for (const std::int64_t i : numbers) sum += pool.apply(same, i);
  }
  bench::check(sum == bench::sum_below(count), "sum of the results");
  bench::report_ns(timer, count);
}
