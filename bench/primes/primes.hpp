// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The tutorial's job: which of 65 large integers are prime, by trial division. They stand in numbers.txt, for Python
// too.

#include <cstdint>
#include <fstream>
#include <iterator>
#include <vector>

#include "support/bench.hpp"

namespace bench {

inline std::vector<std::int64_t> read_numbers(int argc, char** argv) {
  check(argc == 2, "arguments: FILE");
  std::ifstream file(argv[1]);
  std::vector<std::int64_t> numbers{std::istream_iterator<std::int64_t>(file), {}};
  check(numbers.size() == 65, "number of numbers");
  return numbers;
}

inline void check_primes(std::int64_t found) { check(found == 60, "number of primes"); }

inline bool is_prime(std::int64_t number) {
  for (std::int64_t divisor = 2; divisor <= number / divisor; ++divisor)
    if (number % divisor == 0) return false;
  return number > 1;
}

}  // namespace bench
