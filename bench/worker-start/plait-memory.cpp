// SPDX-License-Identifier: Apache-2.0
// A worker that has done a task; bench/probe.py looks at its memory.
#include <plait/plait.hpp>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  plait::init(argc, argv);
  plait::futures::ProcessPoolExecutor pool({.max_workers = 1});
  bench::wait_for_measuring(pool.submit(plait::os::getpid).result());
}
