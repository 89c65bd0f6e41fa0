// SPDX-License-Identifier: Apache-2.0
// enqueue always leaves the task to one of oneTBB's own threads, as pools do.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <future>
#include <memory>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism, 3);
  oneapi::tbb::task_arena arena(2, 0);
  const auto run = [&](std::int64_t i) {
    auto task = std::make_shared<std::packaged_task<std::int64_t()>>([i] { return i; });
    std::future<std::int64_t> future = task->get_future();
    arena.enqueue([task = std::move(task)] { (*task)(); });
    return future.get() == i;
  };
  for (std::int64_t i = 0; i < 1000; ++i) run(i);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) bench::check(run(i), "a result");
  bench::report_ns(timer, count);
}
