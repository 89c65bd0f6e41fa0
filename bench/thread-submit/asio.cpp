// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <vector>

#include "support/bench.hpp"

namespace asio = boost::asio;

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  const bool with_futures = bench::argument(argc, argv, 2) != 0;
  std::atomic<std::int64_t> sum{0};
  asio::thread_pool pool(2);
  std::vector<std::future<std::int64_t>> futures;
  futures.reserve(static_cast<std::size_t>(count));
  const bench::Timer timer;
  if (with_futures) {
    for (std::int64_t i = 0; i < count; ++i)
      futures.push_back(asio::post(pool, std::packaged_task<std::int64_t()>([i] { return i; })));
    for (auto& future : futures) sum += future.get();
  } else {
    for (std::int64_t i = 0; i < count; ++i) asio::post(pool, [i, &sum] { sum += i; });
    pool.join();
  }
  bench::check(sum == bench::sum_below(count), "sum of the results");
  bench::report_ns(timer, count);
}
