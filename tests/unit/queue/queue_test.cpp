// SPDX-License-Identifier: Apache-2.0
// What queues between threads do beyond tests/conformance/queue_suite.hpp.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/queue.hpp"

namespace plait::queue {
namespace {

static_assert(std::is_base_of_v<Error, Empty> && std::is_base_of_v<Error, Full> && std::is_base_of_v<Error, ShutDown>);
static_assert(!std::is_copy_constructible_v<Queue<int>> && !std::is_move_constructible_v<Queue<int>>);

TEST(Queue, TakesItemsThatCanOnlyBeMoved) {
  Queue<std::unique_ptr<int>> queue(3);
  queue.put(std::make_unique<int>(1));
  queue.emplace(new int(2));
  queue.put({.block = false}, std::make_unique<int>(3));
  auto refused = std::make_unique<int>(4);
  EXPECT_FALSE(queue.try_put(std::move(refused)));
  ASSERT_NE(refused, nullptr) << "a refused item stays with the caller";
  EXPECT_THROW(queue.put_nowait(std::move(refused)), Full);
  ASSERT_NE(refused, nullptr);
  EXPECT_THROW(queue.put({.timeout = std::chrono::milliseconds(1)}, std::move(refused)), Full);
  ASSERT_NE(refused, nullptr);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(*queue.get(), i);
  queue.shutdown();
  EXPECT_THROW(queue.put(std::move(refused)), ShutDown);
  EXPECT_NE(refused, nullptr);
}

TEST(Queue, ItemsAreConvertedAndCopied) {
  Queue<std::string> queue;
  const std::string kept = "a string that is longer than its object";
  queue.put(kept);
  queue.put("literal");
  queue.put({.timeout = std::chrono::seconds(1)}, kept);
  queue.put_nowait(kept);
  queue.emplace(3U, 'x');
  EXPECT_TRUE(queue.try_put(kept));
  EXPECT_EQ(queue.get(), kept);
  EXPECT_EQ(queue.get(), "literal");
  EXPECT_EQ(queue.get(), kept);
  EXPECT_EQ(queue.get(), kept);
  EXPECT_EQ(queue.get(), "xxx");
  EXPECT_EQ(queue.try_get(), kept);
}

TEST(Queue, KeepsBools) {
  LifoQueue<bool> last;
  PriorityQueue<bool> lowest;
  for (const bool item : {true, false, true}) {
    last.put(item);
    lowest.put(item);
  }
  for (const bool expected : {true, false, true}) EXPECT_EQ(last.get(), expected);
  for (const bool expected : {false, true, true}) EXPECT_EQ(lowest.try_get(), expected);
}

TEST(Queue, ItemsThatAreLeftAreDestroyed) {
  const auto item = std::make_shared<int>(1);
  {
    Queue<std::shared_ptr<int>> queue;
    LifoQueue<std::shared_ptr<int>> lifo;
    PriorityQueue<std::shared_ptr<int>> priority;
    SimpleQueue<std::shared_ptr<int>> simple;
    for (int i = 0; i < 500; ++i) {
      queue.put(item);
      lifo.put(item);
      priority.put(item);
      simple.put(item);
    }
    EXPECT_EQ(item.use_count(), 2001);
  }
  EXPECT_EQ(item.use_count(), 1);
}

// Looks at its queue when it is destroyed.
struct Looking {
  explicit Looking(Queue<Looking>& its_queue) : queue(&its_queue) {}
  Looking(Looking&& other) noexcept : queue(std::exchange(other.queue, nullptr)) {}
  Looking& operator=(Looking&&) = delete;
  ~Looking() { EXPECT_TRUE(queue == nullptr || queue->empty()); }

  Queue<Looking>* queue;
};

TEST(Queue, ItemsThatAreDroppedAreDestroyedOutsideOfItsLocks) {
  Queue<Looking> queue;
  for (int i = 0; i < 3; ++i) queue.emplace(queue);
  queue.shutdown(true);
}

TEST(Queue, MessagesSayWhatHappened) {
  Queue<int> queue(1);
  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_EQ(message([&] { queue.get_nowait(); }), "get: the queue is empty");
  queue.put(1);
  EXPECT_EQ(message([&] { queue.put_nowait(1); }), "put: the queue is full");
  queue.shutdown();
  EXPECT_EQ(message([&] { queue.put(1); }), "the queue was shut down");
}

}  // namespace
}  // namespace plait::queue
