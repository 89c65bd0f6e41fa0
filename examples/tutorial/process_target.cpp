// SPDX-License-Identifier: Apache-2.0
//
// Processes by target: a function in a process of its own.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>

namespace mp = plait::multiprocessing;
namespace os = plait::os;

void action(int max) {
  const int parent = mp::parent_process()->pid();  // its system parent is the fork server
  for (int i = 0; i < max; ++i) std::printf("(%d)子进程（父进程:(%d)）：%d\n", os::getpid(), parent, i);
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Process mp1(action, 100), mp2(action, 100);
  for (int i = 0; i < 100; ++i) {
    std::printf("(%d)主进程: %d\n", os::getpid(), i);
    if (i == 20) {
      mp1.start();
      mp2.start();
      mp2.join();
    }
  }
  std::puts("主进程执行完成!");
}
