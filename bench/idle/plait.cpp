// SPDX-License-Identifier: Apache-2.0
// A pool that has done some tasks and has nothing more to do; bench/probe.py watches it.
#include <plait/plait.hpp>

#include <ranges>

#include "support/bench.hpp"

static int same(int x) { return x; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  plait::futures::ProcessPoolExecutor pool({.max_workers = 2});
  int expected = 0;
  for (int value : pool.map(same, std::views::iota(0, 100))) bench::check(value == expected++, "a value of map");
  bench::wait_for_measuring();
}
