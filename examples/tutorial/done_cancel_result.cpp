// SPDX-License-Identifier: Apache-2.0
//
// A task can be asked whether it is done, cancelled while it has not begun, and asked for its result.

#include <plait/futures.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using plait::futures::ThreadPoolExecutor;

int get_html(int times) {
  std::this_thread::sleep_for(times * 100ms);  // the tutorial sleeps whole seconds
  std::printf("get page %d success\n", times);
  return times;
}

const char* text(bool value) { return value ? "True" : "False"; }

int main() {
  ThreadPoolExecutor executor({.max_workers = 2});
  auto task1 = executor.submit(get_html, 3);
  auto task2 = executor.submit(get_html, 2);

  std::printf("%s\n", text(task1.done()));
  while (!task2.running()) std::this_thread::yield();  // only a task that has not begun can be cancelled
  std::printf("%s\n", text(task2.cancel()));
  plait::futures::wait(std::vector{task1, task2});
  std::printf("%s\n", text(task1.done()));

  std::printf("%d\n", task1.result());
}
