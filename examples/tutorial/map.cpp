// SPDX-License-Identifier: Apache-2.0
//
// Results in the order of the arguments, whichever is ready first.

#include <plait/futures.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using plait::futures::ThreadPoolExecutor;

int get_html(int times) {
  std::this_thread::sleep_for(times * 100ms);
  std::printf("get page %d success\n", times);
  return times;
}

int main() {
  const std::vector<int> urls{3, 2, 4};
  ThreadPoolExecutor executor({.max_workers = 2});
  for (int data : executor.map(get_html, urls)) {
    std::printf("get %d page\n", data);
  }
}
