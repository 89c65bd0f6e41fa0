// SPDX-License-Identifier: Apache-2.0
//
// A task that computes, on threads and on processes: one word differs.

#include <plait/plait.hpp>

#include <chrono>
#include <cstdio>
#include <vector>

using namespace plait::futures;

long fib(int n) { return n <= 2 ? 1 : fib(n - 1) + fib(n - 2); }

void run(Executor& executor) {
  const auto start_time = std::chrono::steady_clock::now();
  std::vector<Future<long>> all_task;
  for (int num = 25; num < 40; ++num) all_task.push_back(executor.submit(fib, num));
  for (auto& future : as_completed(all_task)) {
    std::printf("exe result: %ld\n", future.result());
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
