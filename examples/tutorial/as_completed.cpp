// SPDX-License-Identifier: Apache-2.0
//
// Results as they become ready: the quickest first, whatever the order of submission.

#include <plait/futures.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace plait::futures;

int get_html(int times) {
  std::this_thread::sleep_for(times * 100ms);
  std::printf("get page %d success\n", times);
  return times;
}

int main() {
  ThreadPoolExecutor executor({.max_workers = 2});
  std::vector<Future<int>> all_task;
  for (int url : {3, 2, 4}) all_task.push_back(executor.submit(get_html, url));
  for (auto& future : as_completed(all_task)) {
    std::printf("get %d page\n", future.result());
  }
}
