// SPDX-License-Identifier: Apache-2.0
//
// A task that only waits, on threads and on processes: both overlap the waiting.

#include <plait/plait.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace plait::futures;

int random_sleep(int n) {
  std::this_thread::sleep_for(n * 10ms);  // the tutorial sleeps n seconds
  return n;
}

void run(Executor& executor) {
  const auto start_time = std::chrono::steady_clock::now();
  std::vector<Future<int>> all_task;
  for (int num : std::vector(30, 2)) all_task.push_back(executor.submit(random_sleep, num));
  for (auto& future : as_completed(all_task)) {
    std::printf("exe result: %d\n", future.result());
  }
  std::printf("last time is: %f\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start_time).count());
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  ThreadPoolExecutor threads({.max_workers = 3});
  run(threads);
  ProcessPoolExecutor processes({.max_workers = 3});
  run(processes);
}
