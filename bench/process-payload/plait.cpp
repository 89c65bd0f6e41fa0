// SPDX-License-Identifier: Apache-2.0
// A vector as argument (of a task that takes a view), or as result; the other way is a few bytes.
#include <plait/plait.hpp>

#include <span>
#include <string_view>
#include <vector>

#include "support/bench.hpp"

static double ends(std::span<const double> data) {
  return data.front() + data.back() + static_cast<double>(data.size());
}

// Made once per worker, as it is the transport that is measured.
static const std::vector<double>& give(std::size_t length) {
  static const std::vector<double> data(length, 1.5);
  return data;
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  bench::check(argc == 4, "arguments: argument|result BYTES COUNT");
  const bool as_argument = std::string_view(argv[1]) == "argument";
  const auto size = static_cast<std::size_t>(bench::argument(argc, argv, 2));
  const std::int64_t count = bench::argument(argc, argv, 3);
  const std::vector<double> data(size / sizeof(double), 1.5);
  const auto length = static_cast<double>(data.size());
  plait::futures::ProcessPoolExecutor pool({.max_workers = 1});
  const auto run = [&] {
    if (as_argument) return pool.submit(ends, data).result() == 3.0 + length;
    const std::vector<double> result = pool.submit(give, data.size()).result();
    return result.size() == data.size() && result.front() == 1.5 && result.back() == 1.5;
  };
  bench::check(run(), "the first payload");
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) bench::check(run(), "a payload");
  bench::report(static_cast<double>(size) * static_cast<double>(count) / timer.seconds() / 1e9);
}
