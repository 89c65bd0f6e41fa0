// SPDX-License-Identifier: Apache-2.0
// Start and join of a Process that does nothing, by the method given first; the median.
#include <plait/plait.hpp>

#include <algorithm>
#include <vector>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void nothing() {}

int main(int argc, char** argv) {
  if (bench::argument(argc, argv, 2) == 0) return 0;  // for posix_spawn.cpp
  plait::init(argc, argv);
  mp::set_start_method(argc > 1 ? argv[1] : "forkserver");
  const auto count = static_cast<std::size_t>(bench::argument(argc, argv, 2));
  std::vector<double> times(count);
  for (double& time : times) {
    const bench::Timer start;
    mp::Process process(nothing);
    process.start();
    process.join();
    time = start.seconds();
    bench::check(process.exitcode() == 0, "the exit code");
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
  bench::report(times[count / 2] * 1e6);
}
