// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void take(mp::Lock lock, mp::RawValue<std::int64_t> counter, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    lock.acquire();
    ++*counter;
    lock.release();
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t processes = bench::argument(argc, argv);
  const std::int64_t count = bench::argument(argc, argv, 2);
  const mp::Lock lock;
  const mp::RawValue<std::int64_t> counter(0);
  take(lock, counter, 1000);
  mp::Process other(take, lock, counter, count);
  const bench::Timer timer;
  if (processes == 2) other.start();
  take(lock, counter, count);
  if (processes == 2) other.join();
  bench::report_ns(timer, count * processes);
  bench::check(*counter == 1000 + count * processes, "the counter");
}
