// SPDX-License-Identifier: Apache-2.0
#include "plait/queue/priority_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace plait::queue {
namespace {

TEST(PriorityQueue, LowestComesOutFirstWhateverWasPutWhen) {
  std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same each time
  PriorityQueue<int> queue;
  std::vector<int> kept;  // what must be in it
  for (int i = 0; i < 20'000; ++i) {
    if (kept.empty() || random() % 3 != 0) {
      kept.push_back(static_cast<int>(random() % 1000));
      queue.put(kept.back());
      std::ranges::push_heap(kept, std::greater());
      continue;
    }
    std::ranges::pop_heap(kept, std::greater());
    ASSERT_EQ(queue.get(), kept.back());
    kept.pop_back();
  }
}

TEST(PriorityQueue, OrderIsAParameter) {
  PriorityQueue<int, std::greater<>> queue;
  for (const int item : {2, 3, 1}) queue.put(item);
  EXPECT_EQ(queue.get(), 3);
  const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
  PriorityQueue<std::string, decltype(shorter)> texts(0, shorter);
  texts.put("long");
  texts.put("s");
  EXPECT_EQ(texts.get(), "s");
}

TEST(PriorityQueue, PairsCarryTheirPriority) {
  PriorityQueue<std::pair<int, std::string>> jobs;
  jobs.put({2, "later"});
  jobs.put({1, "now"});
  const auto [priority, job] = jobs.get();
  EXPECT_EQ(priority, 1);
  EXPECT_EQ(job, "now");
}

TEST(PriorityQueue, TakesItemsThatCanOnlyBeMoved) {
  const auto less = [](const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) { return *a < *b; };
  PriorityQueue<std::unique_ptr<int>, decltype(less)> queue(0, less);
  for (const int number : {5, 1, 4, 2, 3}) queue.put(std::make_unique<int>(number));
  for (int number = 1; number <= 5; ++number) EXPECT_EQ(*queue.get(), number);
}

TEST(PriorityQueue, TakesItemsThatCannotBeAssigned) {
  struct Fixed {
    const int number;
    bool operator<(const Fixed& other) const { return number < other.number; }
  };
  PriorityQueue<Fixed> queue;
  for (const int number : {5, 1, 4, 2, 3}) queue.put(Fixed{number});
  for (int number = 1; number <= 5; ++number) EXPECT_EQ(queue.get().number, number);
}

TEST(PriorityQueue, ComesBackFromABurst) {
  PriorityQueue<int> queue;
  for (int i = 10'000; i > 0; --i) queue.put(i);
  for (int i = 1; i <= 10'000; ++i) ASSERT_EQ(queue.get(), i);
  queue.put(1);
  EXPECT_EQ(queue.get(), 1);
}

}  // namespace
}  // namespace plait::queue
