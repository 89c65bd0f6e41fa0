// SPDX-License-Identifier: Apache-2.0
//
// The lost update: two threads change the balance and change it back, but reading and writing it are two steps. The
// result should be 0. (An atomic, since in C++ a race on a plain variable is no result at all.)

#include <plait/threading.hpp>

#include <atomic>
#include <cstdio>

using plait::threading::Thread;

std::atomic<long> balance{0};

void change_it(long n) {
  balance = balance.load() + n;  // load, add, store: another thread may come in between
  balance = balance.load() - n;
}

void run_thread(long n) {
  for (int i = 0; i < 1'000'000; ++i) change_it(n);
}

int main() {
  Thread t1(run_thread, 5), t2(run_thread, 8);
  t1.start();
  t2.start();
  t1.join();
  t2.join();
  std::printf("%ld\n", balance.load());
}
