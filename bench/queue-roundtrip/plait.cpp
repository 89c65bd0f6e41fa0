// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void echo(mp::Queue<std::int64_t> there, mp::Queue<std::int64_t> back, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) back.put(there.get());
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  const mp::Queue<std::int64_t> there, back;
  mp::Process child(echo, there, back, count + 1000);
  child.start();
  const auto round = [&](std::int64_t i) {
    there.put(i);
    bench::check(back.get() == i, "an echo");
  };
  for (std::int64_t i = 0; i < 1000; ++i) round(i);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) round(i);
  bench::report_ns(timer, count);
}
