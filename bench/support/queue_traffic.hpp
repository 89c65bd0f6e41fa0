// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Traffic of numbers between processes: `pairs` processes put, as many get, each its share; reports M items/s from the
// first item that this process, which gets too, has got.

#include <cstdint>
#include <vector>

#include "support/shared.hpp"

namespace bench {

// put(pair, from, to) puts these numbers; get(pair, count) gets so many and returns their sum; called in processes of
// their own, but for one get, which is this process's.
template <class Put, class Get>
void number_traffic(std::int64_t pairs, std::int64_t count, Put put, Get get) {
  const std::int64_t share = count / pairs;
  std::int64_t* const sums = static_cast<std::int64_t*>(map_shared(sizeof(std::int64_t) * 64));
  std::vector<pid_t> children;
  const auto start = [&children](auto work) {
    const pid_t pid = ::fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
      work();
      ::_exit(0);
    }
    children.push_back(pid);
  };
  for (std::int64_t pair = 0; pair < pairs; ++pair) start([&] { put(pair, pair * share, (pair + 1) * share); });
  for (std::int64_t pair = 1; pair < pairs; ++pair) start([&] { sums[pair] = get(pair, share); });
  sums[0] = get(0, 1);
  const Timer timer;
  sums[0] += get(0, share - 1);
  for (const pid_t child : children) {
    int status = 0;
    check(::waitpid(child, &status, 0) == child && status == 0, "the end of a process");
  }
  const double seconds = timer.seconds();
  std::int64_t sum = 0;
  for (std::int64_t pair = 0; pair < pairs; ++pair) sum += sums[pair];
  check(sum == sum_below(share * pairs), "the sum of the items");
  report(static_cast<double>(share * pairs) / seconds / 1e6);
}

}  // namespace bench
