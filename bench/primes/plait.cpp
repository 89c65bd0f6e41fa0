// SPDX-License-Identifier: Apache-2.0
#include <plait/plait.hpp>

#include "primes/primes.hpp"

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const auto numbers = bench::read_numbers(argc, argv);
  const bench::Timer timer;
  plait::futures::ProcessPoolExecutor pool({.max_workers = 16});
  std::int64_t primes = 0;
  for (bool prime : pool.map(bench::is_prime, numbers)) primes += prime ? 1 : 0;
  bench::check_primes(primes);
  bench::report(timer.seconds());
}
