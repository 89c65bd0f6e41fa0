// SPDX-License-Identifier: Apache-2.0
// The limit: messages over a lane in shared memory from one process to another, one way.
#include "process-map/lane.hpp"
#include "support/shared.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  bench::Lane& lane = bench::make_shared_object<bench::Lane>();
  const bench::Timer timer;
  bench::ForkedChild consumer([&] {
    std::int64_t sum = 0, value = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      while (!lane.try_get(value)) bench::relax();
      sum += value;
    }
    return sum == bench::sum_below(count);
  });
  for (std::int64_t i = 0; i < count; ++i)
    while (!lane.try_put(i)) bench::relax();
  bench::check(consumer.join(), "sum of the messages");
  bench::report_ns(timer, count);
}
