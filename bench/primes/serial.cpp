// SPDX-License-Identifier: Apache-2.0
#include "primes/primes.hpp"

int main(int argc, char** argv) {
  const auto numbers = bench::read_numbers(argc, argv);
  const bench::Timer timer;
  std::int64_t primes = 0;
  for (std::int64_t number : numbers) primes += bench::is_prime(number) ? 1 : 0;
  bench::check_primes(primes);
  bench::report(timer.seconds());
}
