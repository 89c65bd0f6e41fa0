// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the subjects share. A subject is a program that runs one workload once, checks the results, and prints one line
// of JSON for bench/run.py: {"value": 78.5} in the workload's unit.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {

class Timer {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline void report(double value) { std::printf("{\"value\": %.9g}\n", value); }
inline void report_ns(const Timer& timer, std::int64_t operations) {
  report(timer.seconds() * 1e9 / static_cast<double>(operations));
}

// Ends the subject, and the benchmark with it, when a result is wrong.
inline void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}

// The number given as the position-th argument.
inline std::int64_t argument(int argc, char** argv, int position = 1) {
  if (position >= argc) {
    std::fprintf(stderr, "usage: %s NUMBER…, see bench/workloads.py\n", argv[0]);
    std::exit(2);
  }
  return std::strtoll(argv[position], nullptr, 10);
}

// For the subjects that are measured from outside: returns when bench/probe.py has done so.
inline void wait_for_measuring(int worker = 0) {
  std::printf("{\"ready\": %d}\n", worker);
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
}

inline void wait_for_measuring(const std::vector<int>& workers) {
  std::printf("{\"ready\": [");
  for (std::size_t i = 0; i < workers.size(); ++i) std::printf(i == 0 ? "%d" : ", %d", workers[i]);
  std::printf("]}\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
}

// The sum of 0, 1, …, n - 1, which the subjects expect when every task returns its argument.
constexpr std::int64_t sum_below(std::int64_t n) { return n * (n - 1) / 2; }

}  // namespace bench
