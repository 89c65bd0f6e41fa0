// SPDX-License-Identifier: Apache-2.0
#include "plait/queue/simple_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conformance/beside.hpp"
#include "plait/errors.hpp"
#include "plait/queue/queue.hpp"

namespace plait::queue {
namespace {

using namespace std::chrono_literals;

TEST(SimpleQueue, ItemsComeOutInOrder) {
  SimpleQueue<int> queue;
  for (int i = 0; i < 5'000; ++i) queue.put(i);
  for (int i = 0; i < 5'000; ++i) ASSERT_EQ(queue.get(), i);
}

TEST(SimpleQueue, SizeIsTold) {
  SimpleQueue<int> queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.qsize(), 0U);
  queue.put(1);
  queue.put(2);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.qsize(), 2U);
  static_cast<void>(queue.get());
  EXPECT_EQ(queue.qsize(), 1U);
}

TEST(SimpleQueue, PutTakesOptionsAndNeverWaits) {
  SimpleQueue<std::string> queue;
  const std::string text = "kept";
  queue.put({.block = false}, text);
  queue.put({.timeout = -1s}, "b");
  queue.put_nowait(text);
  queue.put_nowait("d");
  queue.emplace(2U, 'e');
  for (const char* expected : {"kept", "b", "kept", "d", "ee"}) EXPECT_EQ(queue.get(), expected);
}

TEST(SimpleQueue, EmptyRefuses) {
  SimpleQueue<int> queue;
  EXPECT_THROW(queue.get_nowait(), Empty);
  EXPECT_THROW(queue.get({.block = false}), Empty);
  EXPECT_THROW(queue.get({.timeout = 0s}), Empty);
  EXPECT_THROW(queue.get({.timeout = 5ms}), Empty);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_EQ(queue.try_get(5ms), std::nullopt);
}

TEST(SimpleQueue, NegativeTimeoutIsRefusedWhereItWouldWait) {
  SimpleQueue<int> queue;
  EXPECT_THROW(queue.get({.timeout = -1s}), ValueError);
  EXPECT_THROW(queue.get({.block = false, .timeout = -1s}), Empty);
  queue.put(1);
  EXPECT_THROW(queue.get({.timeout = -1s}), ValueError);
  EXPECT_EQ(queue.get({.block = false, .timeout = -1s}), 1);
}

TEST(SimpleQueue, BlockedGetGoesOnWhenThereIsAnItem) {
  SimpleQueue<int> queue;
  tests::Beside one([&] { return queue.get(); });
  tests::Beside two([&] { return queue.get({.timeout = 1h}); });
  one.await_sleep();
  two.await_sleep();
  queue.put(1);
  queue.put(2);
  EXPECT_EQ(one.result() + two.result(), 3);
}

// How the consumers of the test of many threads get their items.
const auto get_waiting = [](SimpleQueue<int>& queue) { return queue.get(); };
const auto get_polling = [](SimpleQueue<int>& queue) {
  for (;;) {
    if (const auto item = queue.try_get()) return *item;
    std::this_thread::yield();
  }
};
const auto get_timing_out = [](SimpleQueue<int>& queue) {
  for (;;) {
    try {
      return queue.get({.timeout = 10us});
    } catch (const Empty&) {
      continue;
    }
  }
};

template <class Get>
void run_many_threads(Get get) {
  constexpr int feeders = 4, consumers = 4, share = 5'000;
  SimpleQueue<int> queue;
  std::mutex mutex;
  std::vector<int> all;
  std::vector<std::thread> threads;
  for (int feeder = 0; feeder < feeders; ++feeder) {
    threads.emplace_back([&, feeder] {
      for (int i = 0; i < share; ++i) queue.put(feeder * share + i);
    });
  }
  for (int consumer = 0; consumer < consumers; ++consumer) {
    threads.emplace_back([&] {
      std::array<int, feeders> last;
      last.fill(-1);
      std::vector<int> own;
      for (int i = 0; i < feeders * share / consumers; ++i) {
        const int item = get(queue);
        int& before = last[static_cast<std::size_t>(item / share)];
        if (item <= before) ADD_FAILURE() << item << " came after " << before;
        before = item;
        own.push_back(item);
      }
      const std::scoped_lock held(mutex);
      all.insert(all.end(), own.begin(), own.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(feeders * share));
  for (int i = 0; i < feeders * share; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], i);
  EXPECT_TRUE(queue.empty());
}

TEST(SimpleQueue, ManyThreadsWaiting) { run_many_threads(get_waiting); }
TEST(SimpleQueue, ManyThreadsPolling) { run_many_threads(get_polling); }
TEST(SimpleQueue, ManyThreadsTimingOut) { run_many_threads(get_timing_out); }

TEST(SimpleQueue, KeepsNothingOfWhatItHasGivenOut) {
  SimpleQueue<std::shared_ptr<int>> queue;
  for (int i = 0; i < 20; ++i) {
    auto item = std::make_shared<int>(i);
    const std::weak_ptr<int> weak = item;
    queue.put(std::move(item));
    static_cast<void>(queue.get());
    EXPECT_TRUE(weak.expired());
  }
}

// Uses its queue in every constructor, and when it is destroyed.
struct Reentrant {
  explicit Reentrant(SimpleQueue<Reentrant>& its_queue) : queue(&its_queue) {}
  Reentrant(const Reentrant& other) : queue(other.queue) { use(); }
  Reentrant(Reentrant&& other) : queue(other.queue) { use(); }  // NOLINT(performance-noexcept-move-constructor)
  Reentrant& operator=(const Reentrant&) = delete;
  ~Reentrant() { use(); }

  void use() const {
    static thread_local int depth = 0;
    if (depth > 2) return;
    ++depth;
    if (puts) queue->emplace(*queue);
    static_cast<void>(queue->try_get());
    static_cast<void>(queue->qsize());
    --depth;
  }

  static inline bool puts = true;
  SimpleQueue<Reentrant>* queue;
};

TEST(SimpleQueue, MayBeUsedByItsItems) {
  SimpleQueue<Reentrant> queue;
  for (int i = 0; i < 100; ++i) {
    queue.emplace(queue);
    static_cast<void>(queue.try_get());
  }
  Reentrant::puts = false;
  while (!queue.empty()) static_cast<void>(queue.try_get());
}

// Takes what is left when it is destroyed.
struct Draining {
  explicit Draining(SimpleQueue<Draining>& its_queue) : queue(&its_queue) { ++alive; }
  Draining(Draining&& other) noexcept : queue(std::exchange(other.queue, nullptr)) { ++alive; }
  Draining& operator=(Draining&&) = delete;
  ~Draining() {
    --alive;
    if (queue != nullptr) static_cast<void>(queue->try_get());
  }

  static inline int alive = 0;
  SimpleQueue<Draining>* queue;
};

TEST(SimpleQueue, MayBeUsedByItsItemsWhenItIsDestroyed) {
  {
    SimpleQueue<Draining> queue;
    for (int i = 0; i < 5; ++i) queue.emplace(queue);
  }
  EXPECT_EQ(Draining::alive, 0);
}

}  // namespace
}  // namespace plait::queue
