// SPDX-License-Identifier: Apache-2.0
//
// The same with a lock: the result is 0, every time.

#include <plait/threading.hpp>

#include <cstdio>
#include <mutex>

using plait::threading::Lock;
using plait::threading::Thread;

Lock lock;
long balance = 0;

void change_it(long n) {
  balance = balance + n;
  balance = balance - n;
}

void run_thread(long n) {
  for (int i = 0; i < 1'000'000; ++i) {
    std::scoped_lock held(lock);  // released at the end of the scope, also by an exception
    change_it(n);
  }
}

int main() {
  Thread t1(run_thread, 5), t2(run_thread, 8);
  t1.start();
  t2.start();
  t1.join();
  t2.join();
  std::printf("%ld\n", balance);
}
