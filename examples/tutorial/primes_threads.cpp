// SPDX-License-Identifier: Apache-2.0
//
// Which of the tutorial's large integers are prime, found by 16 worker threads.

#include <plait/plait.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

using plait::futures::ThreadPoolExecutor;

bool is_prime(std::int64_t n) {
  for (std::int64_t i = 2; i <= n / i; ++i) {
    if (n % i == 0) return false;
  }
  return n != 1;
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  std::vector<std::int64_t> primes;
  for (int times = 0; times < 5; ++times) {
    for (std::int64_t n :
         {1116281L, 1297337L, 104395303L, 472882027L, 533000389L, 817504243L, 982451653L, 112272535095293L,
          112582705942171L, 112272535095293L, 115280095190773L, 115797848077099L, 1099726899285419L}) {
      primes.push_back(n);
    }
  }
  ThreadPoolExecutor executor({.max_workers = 16});
  auto number = primes.begin();
  for (bool prime : executor.map(is_prime, primes)) {
    std::printf("%ld is prime: %s\n", *number++, prime ? "True" : "False");
  }
}
