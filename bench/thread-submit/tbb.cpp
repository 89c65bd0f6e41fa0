// SPDX-License-Identifier: Apache-2.0
// A task_group has no futures: each task gets a std::packaged_task to keep its result.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  const bool with_futures = bench::argument(argc, argv, 2) != 0;
  std::atomic<std::int64_t> sum{0};
  // Two workers beside the submitting thread.
  oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism, 3);
  oneapi::tbb::task_arena arena(3);
  std::vector<std::future<std::int64_t>> futures;
  futures.reserve(static_cast<std::size_t>(count));
  arena.execute([&] {
    oneapi::tbb::task_group group;
    const bench::Timer timer;
    if (with_futures) {
      for (std::int64_t i = 0; i < count; ++i) {
        auto task = std::make_shared<std::packaged_task<std::int64_t()>>([i] { return i; });
        futures.push_back(task->get_future());
        group.run([task = std::move(task)] { (*task)(); });
      }
      group.wait();
      for (auto& future : futures) sum += future.get();
    } else {
      for (std::int64_t i = 0; i < count; ++i) group.run([i, &sum] { sum += i; });
      group.wait();
    }
    bench::check(sum == bench::sum_below(count), "sum of the results");
    bench::report_ns(timer, count);
  });
}
