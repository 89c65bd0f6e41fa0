// SPDX-License-Identifier: Apache-2.0
// From the submit for which a worker must be started to its result; the median. A worker takes one task, so each
// submit finds none; the end of the one before is waited out first.
#include <plait/plait.hpp>

#include <algorithm>
#include <vector>

#include "support/bench.hpp"

static int same(int x) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const auto count = static_cast<std::size_t>(bench::argument(argc, argv));
  plait::futures::ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_child = 1});
  std::vector<double> times(count);
  for (double& time : times) {
    const bench::Timer start;
    bench::check(pool.submit(same, 1).result() == 1, "a result");
    time = start.seconds();
    for (const bench::Timer pause; pause.seconds() < 1e-3;) continue;
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
  bench::report(times[count / 2] * 1e6);
}
