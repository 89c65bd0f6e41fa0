// SPDX-License-Identifier: Apache-2.0
#include "primes.hpp"

#include <plait/os.hpp>

#include <ctime>

namespace demo {
namespace {

std::int64_t thread_cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

const std::vector<std::int64_t>& tutorial_numbers() {
  static const std::vector<std::int64_t> numbers = [] {
    const std::vector<std::int64_t> once = {
        1116281,         1297337,         104395303,       472882027,       533000389,       817504243,       982451653,
        112272535095293, 112582705942171, 112272535095293, 115280095190773, 115797848077099, 1099726899285419};
    std::vector<std::int64_t> five_times;
    for (int round = 0; round < 5; ++round) five_times.insert(five_times.end(), once.begin(), once.end());
    return five_times;
  }();
  return numbers;
}

bool is_prime(std::int64_t number) {
  for (std::int64_t divisor = 2; divisor <= number / divisor; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return number > 1;
}

Verdict check(std::int64_t number) {
  const std::int64_t begin = thread_cpu_time();
  const bool prime = is_prime(number);
  return {number, prime, plait::os::getpid(), thread_cpu_time() - begin};
}

}  // namespace demo
