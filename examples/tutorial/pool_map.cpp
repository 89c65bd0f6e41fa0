// SPDX-License-Identifier: Apache-2.0
//
// map(): the function is called for each element, by whichever worker, and the results come in order.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
namespace mp = plait::multiprocessing;

int action(const std::string& name) {
  std::printf("(%d)进程正在执行，参数为: %s\n", plait::os::getpid(), name.c_str());
  std::this_thread::sleep_for(30ms);
  return static_cast<int>(name.size());
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Pool pool(4);
  const std::vector<int> sizes = pool.map(action, std::vector{"default", "位置参数", "关键字参数"});
  pool.close();
  pool.join();
  for (int size : sizes) std::printf("%d bytes\n", size);
}
