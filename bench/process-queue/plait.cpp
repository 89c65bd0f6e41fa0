// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include <vector>

#include "support/bench.hpp"

namespace mp = plait::multiprocessing;

static void put(mp::Queue<int> queue, int from, int to) {
  for (int i = from; i < to; ++i) queue.put(i);
}

static std::int64_t sum_of(const mp::Queue<int>& queue, std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += queue.get();
  return sum;
}

static void get(mp::Queue<int> queue, std::int64_t count, mp::Queue<std::int64_t> sums) {
  sums.put(sum_of(queue, count));
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::int64_t pairs = bench::argument(argc, argv);
  const std::int64_t share = bench::argument(argc, argv, 2) / pairs;
  const mp::Queue<int> queue;
  const mp::Queue<std::int64_t> sums;
  std::vector<mp::Process> processes;
  for (std::int64_t pair = 0; pair < pairs; ++pair)
    processes.emplace_back(put, queue, pair * share, (pair + 1) * share);
  for (std::int64_t pair = 1; pair < pairs; ++pair) processes.emplace_back(get, queue, share, sums);
  for (mp::Process& process : processes) process.start();
  std::int64_t sum = queue.get();
  const bench::Timer timer;
  sum += sum_of(queue, share - 1);
  for (std::int64_t pair = 1; pair < pairs; ++pair) sum += sums.get();
  const double seconds = timer.seconds();
  bench::check(sum == bench::sum_below(share * pairs), "the sum of the items");
  bench::report(static_cast<double>(share * pairs) / seconds / 1e6);
}
