// SPDX-License-Identifier: Apache-2.0
#include <oneapi/tbb/task_group.h>

#include <atomic>

#include "primes/primes.hpp"

int main(int argc, char** argv) {
  const auto numbers = bench::read_numbers(argc, argv);
  std::atomic<std::int64_t> primes{0};
  const bench::Timer timer;
  oneapi::tbb::task_group group;
  for (std::int64_t number : numbers) group.run([number, &primes] { primes += bench::is_prime(number) ? 1 : 0; });
  group.wait();
  bench::check_primes(primes);
  bench::report(timer.seconds());
}
