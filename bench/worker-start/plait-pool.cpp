// SPDX-License-Identifier: Apache-2.0
// A pool of one worker: from its making over a first result to its end.
#include <plait/plait.hpp>

#include "support/bench.hpp"

static int same(int x) { return x; }

static void run() {
  plait::futures::ProcessPoolExecutor pool({.max_workers = 1});
  bench::check(pool.submit(same, 1).result() == 1, "a result");
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  run();
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) run();
  bench::report(timer.seconds() * 1e6 / static_cast<double>(count));
}
