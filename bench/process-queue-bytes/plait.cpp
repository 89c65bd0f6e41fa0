// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <string>

#include "support/bytes_traffic.hpp"

namespace mp = plait::multiprocessing;

static void put(mp::Queue<std::string> queue, std::size_t size, std::int64_t count) {
  std::string item(size, 'x');
  for (std::int64_t i = 0; i < count; ++i) {
    bench::mark_bytes(item.data(), size, i);
    queue.put(item);
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const auto size = static_cast<std::size_t>(bench::argument(argc, argv));
  const std::int64_t count = bench::argument(argc, argv, 2);
  const mp::Queue<std::string> queue(16);
  mp::Process putter(put, queue, size, count);
  putter.start();
  queue.get();
  const bench::Timer timer;
  for (std::int64_t i = 1; i < count; ++i) {
    const std::string item = queue.get();
    bench::check(item.size() == size, "a size");
    bench::check_bytes(item.data(), size, i);
  }
  bench::report(static_cast<double>(size) * static_cast<double>(count - 1) / timer.seconds() / 1e9);
}
