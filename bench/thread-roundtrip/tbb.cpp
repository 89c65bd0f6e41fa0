// SPDX-License-Identifier: Apache-2.0
// wait() runs the task in the waiting thread itself: oneTBB promises parallelism, not another thread.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism, 3);
  oneapi::tbb::task_arena arena(3);
  arena.execute([&] {
    oneapi::tbb::task_group group;
    const auto run = [&](std::int64_t i) {
      std::int64_t result = -1;
      group.run([i, &result] { result = i; });
      group.wait();
      return result == i;
    };
    for (std::int64_t i = 0; i < 1000; ++i) run(i);
    const bench::Timer timer;
    for (std::int64_t i = 0; i < count; ++i) bench::check(run(i), "a result");
    bench::report_ns(timer, count);
  });
}
