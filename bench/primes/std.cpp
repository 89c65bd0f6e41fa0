// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "primes/primes.hpp"

int main(int argc, char** argv) {
  const auto numbers = bench::read_numbers(argc, argv);
  const bench::Timer timer;
  std::vector<std::future<bool>> futures;
  for (std::int64_t number : numbers) futures.push_back(std::async(std::launch::async, bench::is_prime, number));
  std::int64_t primes = 0;
  for (auto& future : futures) primes += future.get() ? 1 : 0;
  bench::check_primes(primes);
  bench::report(timer.seconds());
}
