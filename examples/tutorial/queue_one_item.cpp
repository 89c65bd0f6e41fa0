// SPDX-License-Identifier: Apache-2.0
//
// A queue between two processes: the child puts, the parent gets.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <iostream>
#include <string>

namespace mp = plait::multiprocessing;

void f(const mp::Queue<std::string>& q) {
  std::cout << "(" << plait::os::getpid() << ") 进程开始放入数据..." << std::endl;
  q.put("Python");
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Queue<std::string> q;
  mp::Process p(f, q);
  p.start();
  std::cout << "(" << plait::os::getpid() << ") 进程开始取出数据..." << std::endl;
  std::cout << q.get() << std::endl;  // Python
  p.join();
}
