// SPDX-License-Identifier: Apache-2.0
//
// Ten workers write what they get from a queue into one file, under a lock, until each has got its poison pill.

#include <plait/queue.hpp>
#include <plait/threading.hpp>

#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using plait::threading::current_thread;
using plait::threading::Lock;
using plait::threading::Thread;
using Queue = plait::queue::Queue<std::optional<int>>;  // nullopt is the pill

void write_file(Queue& queue, Lock& lock, std::FILE* file) {
  std::printf("%s Starting\n", current_thread().name().c_str());
  while (auto data = queue.get()) {
    std::string line;
    for (int i = 0; i < 10'000; ++i) line += std::to_string(*data);
    std::scoped_lock held(lock);
    std::fprintf(file, "%s\n", line.c_str());
    queue.task_done();
  }
  std::printf("%s Exiting\n", current_thread().name().c_str());
}

constexpr int threads_num = 10;

int main() {
  Queue queue;
  Lock lock;
  for (int i = 0; i < threads_num; ++i) queue.put(i);
  for (int i = 0; i < threads_num; ++i) queue.put(std::nullopt);

  std::FILE* f = std::tmpfile();
  std::vector<Thread> work_list;
  work_list.reserve(threads_num);
  for (int i = 0; i < threads_num; ++i) {
    work_list.emplace_back(Thread::Options{.name = "Worker_" + std::to_string(i)}, write_file, queue, lock, f);
  }
  for (Thread& worker : work_list) worker.start();
  for (Thread& worker : work_list) worker.join();
  std::printf("%ld bytes\n", std::ftell(f));
  std::fclose(f);
}
