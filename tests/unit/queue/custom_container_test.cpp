// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <set>
#include <stdexcept>
#include <string>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"

namespace plait::queue {
namespace {

// Every item once, as one gets in Python by overriding _put with a set's add.
struct Unique {
  void push(int&& item) { items.insert(item); }
  int pop() { return items.extract(items.begin()).value(); }
  [[nodiscard]] std::size_t size() const { return items.size(); }
  void clear() { items.clear(); }

  std::set<int> items;
};

TEST(BasicQueue, CountsWhatTheContainerSays) {
  BasicQueue<int, Unique> queue(2);
  queue.put(5);
  queue.put(5);
  EXPECT_EQ(queue.qsize(), 1U);
  EXPECT_FALSE(queue.full());
  EXPECT_EQ(queue.unfinished_tasks(), 2U) << "as in Python";
  queue.put(4);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.get(), 4);
  EXPECT_EQ(queue.get(), 5);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.try_get(), std::nullopt);
  queue.put(1);
  queue.shutdown(true);
  EXPECT_EQ(queue.unfinished_tasks(), 3U);
}

// Its items come in pairs.
struct Doubling : Unique {
  void push(int&& item) {
    items.insert(item);
    items.insert(-item);
  }
};

TEST(BasicQueue, WakesAGetterForEachItemThatAPutBrings) {
  BasicQueue<int, Doubling> queue;
  tests::Beside one([&] { return queue.get(); });
  tests::Beside two([&] { return queue.get(); });
  one.await_sleep();
  two.await_sleep();
  queue.put(3);
  EXPECT_EQ(one.result() + two.result(), 0);
  EXPECT_TRUE(queue.empty());
}

TEST(BasicQueue, TakesAContainerThatIsMade) {
  BasicQueue<int, Unique> queue(0, Unique{{1, 2}});
  EXPECT_EQ(queue.qsize(), 2U);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.get(), 2);
}

// FailingQueueTest: hooks that throw.
struct Failing {
  void push(std::string&& item) {
    if (fail_push.exchange(false)) throw std::runtime_error("push");
    items.push_back(std::move(item));
  }
  std::string pop() {
    if (fail_pop.exchange(false)) throw std::runtime_error("pop");
    std::string item = std::move(items.front());
    items.pop_front();
    return item;
  }
  [[nodiscard]] std::size_t size() const { return items.size(); }
  void clear() {
    if (fail_clear.exchange(false)) throw std::runtime_error("clear");
    items.clear();
  }

  static inline std::atomic<bool> fail_push = false, fail_pop = false, fail_clear = false;
  std::deque<std::string> items;
};

using FailingQueue = BasicQueue<std::string, Failing>;

TEST(FailingQueue, PutThatFailsLeavesItAsItWas) {
  FailingQueue queue(2);
  queue.put("one");
  Failing::fail_push = true;
  std::string two = "two";
  EXPECT_THROW(queue.put(std::move(two)), std::runtime_error);
  EXPECT_EQ(two, "two");  // NOLINT(bugprone-use-after-move): it was not moved
  EXPECT_EQ(queue.qsize(), 1U);
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  Failing::fail_push = true;
  EXPECT_THROW(queue.put({.timeout = std::chrono::seconds(1)}, "two"), std::runtime_error);
  queue.put("two");
  EXPECT_TRUE(queue.full());
  Failing::fail_push = true;
  EXPECT_THROW(queue.put_nowait("three"), Full) << "full, and nothing tried";
  Failing::fail_push = false;
}

TEST(FailingQueue, BlockedPutThatFailsLetsTheNextGoOn) {
  FailingQueue queue(1);
  queue.put("one");
  const auto put = [&](const char* text) {
    try {
      queue.put(std::string(text));
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  tests::Beside two([&] { return put("two"); });
  tests::Beside three([&] { return put("three"); });
  two.await_sleep();
  three.await_sleep();
  Failing::fail_push = true;
  EXPECT_EQ(queue.get(), "one");
  EXPECT_NE(two.result(), three.result()) << "one fails, the other gets its place";
  EXPECT_EQ(queue.qsize(), 1U);
}

TEST(FailingQueue, GetThatFailsLeavesItAsItWas) {
  FailingQueue queue(2);
  queue.put("one");
  Failing::fail_pop = true;
  EXPECT_THROW(queue.get(), std::runtime_error);
  Failing::fail_pop = true;
  EXPECT_THROW(static_cast<void>(queue.try_get()), std::runtime_error);
  EXPECT_EQ(queue.qsize(), 1U);
  EXPECT_EQ(queue.get(), "one");
}

TEST(FailingQueue, BlockedGetThatFailsLetsTheNextGoOn) {
  FailingQueue queue;
  const auto get = [&] {
    try {
      return queue.get();
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
  };
  tests::Beside one(get);
  tests::Beside two(get);
  one.await_sleep();
  two.await_sleep();
  Failing::fail_pop = true;
  queue.put("item");
  std::multiset<std::string> results;
  // The one that fails is over, the other has the item, in whatever order.
  results.insert(one.result());
  results.insert(two.result());
  EXPECT_EQ(results, (std::multiset<std::string>{"item", "pop"}));
}

TEST(FailingQueue, ClearThatFailsLeavesItOpen) {
  FailingQueue queue;
  queue.put("one");
  Failing::fail_clear = true;
  EXPECT_THROW(queue.shutdown(true), std::runtime_error);
  EXPECT_FALSE(queue.is_shutdown());
  EXPECT_EQ(queue.get(), "one");
  queue.shutdown(true);
  EXPECT_THROW(queue.get(), ShutDown);
}

}  // namespace
}  // namespace plait::queue
