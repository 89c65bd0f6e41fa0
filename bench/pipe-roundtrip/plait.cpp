// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void echo(mp::Connection<std::int64_t> end, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) end.send(end.recv());
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t count = bench::argument(argc, argv);
  auto [here, there] = mp::Pipe<std::int64_t>();
  mp::Process child(echo, there, count + 1000);
  child.start();
  there.close();
  const auto round = [&here = here](std::int64_t i) {
    here.send(i);
    bench::check(here.recv() == i, "an echo");
  };
  for (std::int64_t i = 0; i < 1000; ++i) round(i);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) round(i);
  bench::report_ns(timer, count);
  child.join();
}
