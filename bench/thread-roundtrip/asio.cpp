// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  boost::asio::thread_pool pool(2);
  const auto run = [&](std::int64_t i) {
    return boost::asio::post(pool, std::packaged_task<std::int64_t()>([i] { return i; })).get() == i;
  };
  for (std::int64_t i = 0; i < 1000; ++i) run(i);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) bench::check(run(i), "a result");
  bench::report_ns(timer, count);
}
