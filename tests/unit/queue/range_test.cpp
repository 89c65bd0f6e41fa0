// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"

namespace plait::queue {
namespace {

static_assert(std::ranges::input_range<Queue<int>>);
static_assert(!std::is_copy_constructible_v<Queue<int>::Iterator>, "an item would be there twice");
static_assert(std::ranges::input_range<PriorityQueue<std::unique_ptr<int>>>);

TEST(QueueRange, EndsWhenTheQueueIsShutDownAndDrained) {
  Queue<int> queue;
  for (int i = 0; i < 10; ++i) queue.put(i);
  queue.shutdown();
  int expected = 0;
  for (auto item : queue) EXPECT_EQ(item, expected++);
  EXPECT_EQ(expected, 10);
  for (auto item : queue) FAIL() << item;
}

TEST(QueueRange, WaitsForItems) {
  Queue<int> queue(2);
  tests::Beside sum([&] {
    int total = 0;
    for (const int item : queue) total += item;
    return total;
  });
  sum.await_sleep();
  for (int i = 1; i <= 100; ++i) queue.put(i);
  queue.shutdown();
  EXPECT_EQ(sum.result(), 5050);
}

TEST(QueueRange, MovesItemsOut) {
  Queue<std::unique_ptr<int>> queue;
  for (int i = 0; i < 3; ++i) queue.put(std::make_unique<int>(i));
  queue.shutdown();
  std::vector<std::unique_ptr<int>> all;
  for (auto item : queue) all.push_back(std::move(item));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(*all[2], 2);
}

TEST(QueueRange, LeftEarlyLeavesTheRest) {
  Queue<int> queue;
  for (int i = 0; i < 10; ++i) queue.put(i);
  for (auto item : queue) {
    if (item == 4) break;
  }
  EXPECT_EQ(queue.get(), 5);
}

TEST(QueueRange, WorksInViews) {
  Queue<int> queue;
  for (int i = 0; i < 10; ++i) queue.put(i);
  int sum = 0;
  for (const int item : queue | std::views::take(3) | std::views::transform([](int x) { return x * 10; })) sum += item;
  EXPECT_EQ(sum, 30);
  EXPECT_EQ(queue.get(), 3) << "no more than what was asked for is taken";
}

TEST(QueueRange, AsksForNothingBeforeItIsAskedFor) {
  Queue<int> queue;
  auto at = queue.begin();
  queue.put(1);
  queue.put(2);
  EXPECT_EQ(*at, 1) << "which it may be without a comparison";
  EXPECT_FALSE(at == queue.end());
  EXPECT_EQ(*at, 1) << "still";
  ++at;
  EXPECT_EQ(queue.qsize(), 1U);
  auto moved = std::move(at);
  EXPECT_EQ(*moved, 2);
}

TEST(QueueRange, SeveralThreadsShareTheItems) {
  Queue<int> queue(3);
  const auto sum_up = [&] {
    long total = 0;
    for (const int item : queue) total += item;
    return total;
  };
  tests::Beside one(sum_up), two(sum_up), three(sum_up);
  for (int i = 1; i <= 10'000; ++i) queue.put(i);
  queue.shutdown();
  EXPECT_EQ(one.result() + two.result() + three.result(), 50'005'000);
}

}  // namespace
}  // namespace plait::queue
