// SPDX-License-Identifier: Apache-2.0
//
// Calls given to a pool of four processes; close() says that this is all, join() waits for it.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

using namespace std::chrono_literals;
namespace mp = plait::multiprocessing;

void action(const std::string& name) {
  std::printf("(%d)进程正在执行，参数为: %s\n", plait::os::getpid(), name.c_str());
  std::this_thread::sleep_for(30ms);  // the tutorial sleeps 3 seconds
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Pool pool({.processes = 4});
  pool.apply_async([] { action("default"); });  // a function pointer knows no default arguments
  pool.apply_async(action, "位置参数");
  pool.apply_async(action, "关键字参数");
  pool.close();
  pool.join();
}
