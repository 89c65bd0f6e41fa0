// SPDX-License-Identifier: Apache-2.0
// plait N: a pool of N workers, each of which has done a task; bench/probe.py looks at their memory.
#include <plait/plait.hpp>

#include <vector>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

// Every worker runs one of these, for it ends when all have come.
static int meet(const mp::Barrier& barrier) {
  barrier.wait();
  return plait::os::getpid();
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const auto count = static_cast<int>(bench::argument(argc, argv));
  mp::Pool pool(count);
  const mp::Barrier barrier(count);
  bench::wait_for_measuring(
      pool.map({.chunksize = 1}, meet, std::vector<mp::Barrier>(static_cast<std::size_t>(count), barrier)));
}
