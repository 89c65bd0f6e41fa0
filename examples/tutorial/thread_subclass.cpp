// SPDX-License-Identifier: Apache-2.0
//
// Threads by subclass: run() is what the thread does, the object has its data.

#include <plait/threading.hpp>

#include <cstdio>
#include <memory>

using plait::threading::current_thread;
using plait::threading::Thread;

class FkThread : public Thread {
 public:
  void run() override {
    for (; i_ < 100; ++i_) std::printf("%s %d\n", current_thread().name().c_str(), i_);
  }

 private:
  int i_ = 0;
};

int main() {
  for (int i = 0; i < 100; ++i) {
    std::printf("%s %d\n", current_thread().name().c_str(), i);
    if (i == 20) {
      std::make_shared<FkThread>()->start();  // shared: the object lives as long as its thread, as in Python
      std::make_shared<FkThread>()->start();
    }
  }
  std::puts("main thread is done!");  // and the end of the program waits for both
}
