// SPDX-License-Identifier: Apache-2.0
//
// Processes by subclass: run() is what the process does, the object travels there with its data.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>

namespace mp = plait::multiprocessing;

class MyProcess : public mp::ShippableProcess<MyProcess> {
 public:
  explicit MyProcess(int max = 0) : max_(max) {}
  void run() override {
    const int parent = mp::parent_process()->pid();
    for (int i = 0; i < max_; ++i) std::printf("(%d)子进程（父进程:(%d)）：%d\n", *pid(), parent, i);
  }
  template <class A>
  void serialize(A& ar) {
    ar(max_);
  }

 private:
  int max_;
};

int main(int argc, char** argv) {
  plait::init(argc, argv);
  MyProcess mp1(100), mp2(100);
  for (int i = 0; i < 100; ++i) {
    std::printf("(%d)主进程: %d\n", plait::os::getpid(), i);
    if (i == 20) {
      mp1.start();
      mp2.start();
      mp2.join();
    }
  }
  std::puts("主进程执行完成!");
}
