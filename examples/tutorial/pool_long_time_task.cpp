// SPDX-License-Identifier: Apache-2.0
//
// A pool has as many workers as there are processors, or as many as it is told: with five, five tasks run at once.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

namespace mp = plait::multiprocessing;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

void long_time_task(int name) {
  std::printf("Run task %d (%d)...\n", name, plait::os::getpid());
  const auto start = Clock::now();
  std::random_device random;
  std::this_thread::sleep_for(std::chrono::milliseconds(random() % 30));  // the tutorial: up to 3 seconds
  std::printf("Task %d runs %0.2f seconds.\n", name, Seconds(Clock::now() - start).count());
}

void run(const mp::PoolOptions& options) {
  mp::Pool p(options);
  for (int i = 0; i < 5; ++i) p.apply_async(long_time_task, i);
  std::puts("Waiting for all subprocesses done...");
  std::fflush(stdout);
  p.close();
  p.join();
  std::puts("All subprocesses done.");
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  std::printf("Parent process %d.\n", plait::os::getpid());
  std::fflush(stdout);
  run({});
  run({.processes = 5});
}
