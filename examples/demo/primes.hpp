// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The main job's task: is a large integer prime, by trial division as in the tutorial.

#include <cstdint>
#include <vector>

namespace demo {

// What a task found, and what it cost.
struct Verdict {
  std::int64_t number = 0;
  bool prime = false;
  int pid = 0;                // the process that looked
  std::int64_t cpu_time = 0;  // ns
};

// The tutorial's 65 numbers: 13 numbers, five times.
const std::vector<std::int64_t>& tutorial_numbers();

bool is_prime(std::int64_t number);
Verdict check(std::int64_t number);

}  // namespace demo
