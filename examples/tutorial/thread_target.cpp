// SPDX-License-Identifier: Apache-2.0
//
// Threads by target: two threads count beside the main one, each says its name.

#include <plait/threading.hpp>

#include <cstdio>

using plait::threading::current_thread;
using plait::threading::Thread;

void action(int max) {
  for (int i = 0; i < max; ++i) std::printf("%s %d\n", current_thread().name().c_str(), i);
}

int main() {
  Thread t1(action, 100), t2(action, 100);
  for (int i = 0; i < 100; ++i) {
    std::printf("%s %d\n", current_thread().name().c_str(), i);
    if (i == 20) {
      t1.start();
      t2.start();
    }
  }
  std::puts("main thread is done!");
}
