// SPDX-License-Identifier: Apache-2.0
#include "pool/task_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace plait::pool {
namespace {

using Task = detail::Ref<detail::LocalTask>;
using Log = std::vector<std::pair<int, int>>;

Task task_that_logs(Log& log, int producer, int number) {
  return detail::make_local_task<void>([&log, producer, number] { log.emplace_back(producer, number); });
}

TEST(TaskQueue, IsFirstInFirstOut) {
  TaskQueue queue;
  Log log;
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.pop());
  for (int i = 0; i < 3; ++i) queue.push(*task_that_logs(log, 0, i));
  EXPECT_FALSE(queue.empty());
  while (Task task = queue.pop()) task->run();
  EXPECT_EQ(log, (Log{{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_TRUE(queue.empty());
}

TEST(TaskQueue, EmptiesAndFillsAgain) {
  TaskQueue queue;
  Log log;
  for (int i = 0; i < 5; ++i) {
    queue.push(*task_that_logs(log, 0, i));
    EXPECT_TRUE(queue.pop());
    EXPECT_FALSE(queue.pop());
    EXPECT_TRUE(queue.empty());
  }
}

TEST(TaskQueue, DropsWhatIsLeft) {
  Log log;
  auto task = task_that_logs(log, 0, 0);
  {
    TaskQueue queue;
    queue.push(*task);
    EXPECT_FALSE(task->state().unwatched());
  }
  EXPECT_TRUE(task->state().unwatched());
}

TEST(TaskQueue, LosesNothingAndKeepsEachProducersOrder) {
  constexpr int producers = 2, consumers = 2, each = 20'000;
  TaskQueue queue;
  std::atomic<int> taken{0};
  std::vector<Log> logs(consumers);
  thread_local Log* my_log = nullptr;
  {
    std::vector<std::jthread> threads;
    for (int producer = 0; producer < producers; ++producer) {
      threads.emplace_back([&queue, producer] {
        for (int i = 0; i < each; ++i) {
          queue.push(*detail::make_local_task<void>([producer, i] { my_log->emplace_back(producer, i); }));
        }
      });
    }
    for (auto& log : logs) {
      threads.emplace_back([&] {
        my_log = &log;
        while (taken < producers * each) {
          if (Task task = queue.pop()) {
            task->run();
            ++taken;
          }
        }
      });
    }
  }
  std::size_t total = 0;
  for (const Log& log : logs) {
    total += log.size();
    std::vector<int> last(producers, -1);
    for (const auto& [producer, number] : log) {
      EXPECT_LT(std::exchange(last[static_cast<std::size_t>(producer)], number), number);
    }
  }
  EXPECT_EQ(total, std::size_t{producers} * each);
}

}  // namespace
}  // namespace plait::pool
