// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <mutex>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void count_up(mp::Value<int> value, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::scoped_lock held(value.get_lock());
    ++*value;
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  const mp::Value<int> value(0);
  mp::Process one(count_up, value, count / 2), two(count_up, value, count / 2);
  const bench::Timer timer;
  one.start();
  two.start();
  one.join();
  two.join();
  bench::report(static_cast<double>(count) / timer.seconds() / 1e6);
  bench::check(*value == count, "the value");
}
