// SPDX-License-Identifier: Apache-2.0
//
// Each process has a list of its own: all three take the same first number out of it.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace mp = plait::multiprocessing;
using namespace std::chrono_literals;

void sub_task(const std::string& content, std::vector<int> nums) {
  std::printf("PID: %d\n", *mp::current_process().pid());
  std::printf("Name: %s\n", mp::current_process().name().c_str());
  const int total = nums.front();
  nums.erase(nums.begin());
  std::printf("Loop count: %d\n", total);
  for (int counter = 1; counter <= total; ++counter) {
    std::printf("%d: %s\n", counter, content.c_str());
    std::this_thread::sleep_for(1ms);
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::vector nums{20, 30, 40};
  mp::Process ping(sub_task, "Ping", nums), pong(sub_task, "Pong", nums);
  ping.start();
  pong.start();
  sub_task("Good", nums);
}
