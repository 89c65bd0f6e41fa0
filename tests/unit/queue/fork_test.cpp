// SPDX-License-Identifier: Apache-2.0
// What a forked child finds of a queue in which threads of its parent wait.
#include <gtest/gtest.h>

#include <thread>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"
#include "support/in_child.hpp"

namespace plait::queue {
namespace {

using tests::holds_in_child;

template <class Q>
class QueueFork : public testing::Test {};
using Queues = testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>>;
TYPED_TEST_SUITE(QueueFork, Queues);

TYPED_TEST(QueueFork, NobodyWaitsInTheChild) {
  TypeParam empty, full(1);
  full.put(1);
  tests::Beside getter([&] { return empty.get(); });
  tests::Beside putter([&] {
    full.put(2);
    return true;
  });
  tests::Beside joiner([&] { return full.join({}); });
  getter.await_sleep();
  putter.await_sleep();
  joiner.await_sleep();
  EXPECT_TRUE(holds_in_child([&] {
    empty.put(5);  // which nobody takes but who is here
    if (empty.get() != 5 || full.get() != 1) return false;
    full.task_done();
    if (!full.empty() || !full.join(std::chrono::seconds(0))) return false;
    std::jthread other([&] { empty.put(6); });
    return empty.get() == 6;
  }));
  empty.put(7);
  EXPECT_EQ(getter.result(), 7) << "in the parent all goes on";
  EXPECT_EQ(full.get(), 1);
  EXPECT_TRUE(putter.result());
  full.task_done();
  full.task_done();
  EXPECT_TRUE(joiner.result());
}

TEST(QueueFork, NobodyWaitsForASimpleQueueInTheChild) {
  SimpleQueue<int> queue;
  tests::Beside getter([&] { return queue.get(); });
  getter.await_sleep();
  EXPECT_TRUE(holds_in_child([&] {
    queue.put(5);
    return queue.get() == 5 && queue.empty();
  }));
  queue.put(7);
  EXPECT_EQ(getter.result(), 7);
}

}  // namespace
}  // namespace plait::queue
