// SPDX-License-Identifier: Apache-2.0
//
// A counter up and down a million times under an RLock, which its owner may acquire again: 0, every time.

#include <plait/threading.hpp>

#include <cstdio>

using plait::threading::RLock;
using plait::threading::Thread;

long total = 0;
RLock lock;

void change(int by) {
  lock.acquire();
  total += by;
  lock.release();
}

void add() {
  for (int i = 0; i < 1'000'000; ++i) {
    lock.acquire();
    change(+1);  // acquires it once more
    lock.release();
  }
}

void desc() {
  for (int i = 0; i < 1'000'000; ++i) change(-1);
}

int main() {
  Thread thread1(add), thread2(desc);
  thread1.start();
  thread2.start();
  thread1.join();
  thread2.join();
  std::printf("%ld\n", total);
}
