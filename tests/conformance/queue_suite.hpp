// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every queue with the calls of Python's queue.Queue must do. A back end is a type with
//   template <class T> using Queue = …;   made by Queue<T>(maxsize)
//   using Order = Fifo, Lifo or Lowest;   which item comes out next
//   static auto beside(f, queue&, args...);   runs f(queue, args...) elsewhere, gives what Beside has
// Include this, and INSTANTIATE_TYPED_TEST_SUITE_P(…, QueueSuite, List). What runs elsewhere captures nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "conformance/beside.hpp"
#include "plait/errors.hpp"
#include "plait/queue/options.hpp"

namespace plait::queue {

using namespace std::chrono_literals;

// ---- the order in which 0, 1, … come out, having been put in the order given

struct Fifo {
  static std::vector<int> of(std::vector<int> put) { return put; }
};
struct Lifo {
  static std::vector<int> of(std::vector<int> put) {
    std::ranges::reverse(put);
    return put;
  }
};
struct Lowest {
  static std::vector<int> of(std::vector<int> put) {
    std::ranges::sort(put);
    return put;
  }
};

// ---- what is called, here and elsewhere, and what came of it

enum class Came : std::uint8_t { item, nothing_to_say, empty, full, shut_down, value_error };

template <class F>
Came outcome(F call) {
  try {
    call();
    return Came::nothing_to_say;
  } catch (const Empty&) {
    return Came::empty;
  } catch (const Full&) {
    return Came::full;
  } catch (const ShutDown&) {
    return Came::shut_down;
  } catch (const ValueError&) {
    return Came::value_error;
  }
}

inline constexpr Came fine = Came::nothing_to_say;

inline constexpr auto put_one = [](auto& queue, int item) { return outcome([&] { queue.put(item); }); };
inline constexpr auto get_one = [](auto& queue) { return outcome([&] { static_cast<void>(queue.get()); }); };
inline constexpr auto get_value = [](auto& queue) { return queue.get(); };
inline constexpr auto join_it = [](auto& queue) {
  queue.join();
  return fine;
};
inline constexpr auto work_off = [](auto& queue) {  // until it is told to stop by a number below zero
  int sum = 0;
  for (;;) {
    const int item = queue.get();
    if (item >= 0) sum += item;
    queue.task_done();
    if (item < 0) return sum;
  }
};
inline constexpr auto get_until_shut_down = [](auto& queue) {
  int count = 0;
  try {
    for (;; ++count) static_cast<void>(queue.get());
  } catch (const ShutDown&) {
    return count;
  }
};
inline constexpr auto put_until_shut_down = [](auto& queue) {
  int count = 0;
  try {
    for (;; ++count) queue.put(count);
  } catch (const ShutDown&) {
    return count;
  }
};

template <class Backend>
class QueueSuite : public testing::Test {
 protected:
  using Queue = typename Backend::template Queue<int>;

  static void fill(Queue& queue, int count) {
    for (int i = 0; i < count; ++i) queue.put(i);
  }
  static std::vector<int> drain(Queue& queue) {
    std::vector<int> items;
    while (auto item = queue.try_get()) items.push_back(*item);
    return items;
  }
};
TYPED_TEST_SUITE_P(QueueSuite);

// ---- put and get

TYPED_TEST_P(QueueSuite, ItemsComeOutInOrder) {
  typename TestFixture::Queue queue(8);
  const std::vector<int> items{111, 333, 222, 5, 444};
  for (const int item : items) queue.put(item);
  EXPECT_EQ(this->drain(queue), TypeParam::Order::of(items));
  for (const int item : items) queue.put(item);
  for (const int expected : TypeParam::Order::of(items)) EXPECT_EQ(queue.get(), expected);
}

TYPED_TEST_P(QueueSuite, ManyItemsComeOutInOrder) {
  typename TestFixture::Queue queue;
  std::vector<int> items(5'000);
  std::iota(items.begin(), items.end(), 0);
  for (const int item : items) queue.put(item);
  EXPECT_EQ(this->drain(queue), TypeParam::Order::of(items));
}

TYPED_TEST_P(QueueSuite, SizeIsTold) {
  typename TestFixture::Queue queue(2);
  EXPECT_EQ(queue.maxsize(), 2);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.qsize(), 0U);
  queue.put(1);
  EXPECT_FALSE(queue.empty());
  EXPECT_FALSE(queue.full());
  EXPECT_EQ(queue.qsize(), 1U);
  queue.put(2);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.qsize(), 2U);
  static_cast<void>(queue.get());
  EXPECT_FALSE(queue.full());
  EXPECT_EQ(queue.qsize(), 1U);
}

TYPED_TEST_P(QueueSuite, ZeroAndLessIsNoBound) {
  for (const int maxsize : {0, -1}) {
    typename TestFixture::Queue queue(maxsize);
    for (int i = 0; i < 3'000; ++i) queue.put_nowait(i);
    EXPECT_FALSE(queue.full());
    EXPECT_EQ(queue.maxsize(), maxsize);
    EXPECT_EQ(queue.qsize(), 3'000U);
  }
}

TYPED_TEST_P(QueueSuite, FullQueueRefuses) {
  typename TestFixture::Queue queue(2);
  this->fill(queue, 2);
  EXPECT_THROW(queue.put_nowait(9), Full);
  EXPECT_THROW(queue.put({.block = false}, 9), Full);
  EXPECT_THROW(queue.put({.timeout = 0s}, 9), Full);
  EXPECT_THROW(queue.put({.timeout = 10ms}, 9), Full);
  EXPECT_FALSE(queue.try_put(9));
  EXPECT_FALSE(queue.try_put(9, 10ms));
  EXPECT_EQ(queue.qsize(), 2U);
  EXPECT_EQ(queue.unfinished_tasks(), 2U) << "a refused item is no task";
}

TYPED_TEST_P(QueueSuite, EmptyQueueRefuses) {
  typename TestFixture::Queue queue(2);
  EXPECT_THROW(queue.get_nowait(), Empty);
  EXPECT_THROW(queue.get({.block = false}), Empty);
  EXPECT_THROW(queue.get({.timeout = 0s}), Empty);
  EXPECT_THROW(queue.get({.timeout = 10ms}), Empty);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_EQ(queue.try_get(10ms), std::nullopt);
}

TYPED_TEST_P(QueueSuite, TimeoutIsWaitedFor) {
  typename TestFixture::Queue queue(1);
  auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(queue.get({.timeout = 30ms}), Empty);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  queue.put(1);
  begin = std::chrono::steady_clock::now();
  EXPECT_THROW(queue.put({.timeout = 30ms}, 2), Full);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
}

TYPED_TEST_P(QueueSuite, OptionsDoNotMatterWhereThereIsNoWait) {
  typename TestFixture::Queue queue(4);
  queue.put({.block = false}, 1);
  queue.put({.timeout = 1h}, 1);
  queue.put({.block = false, .timeout = 1h}, 1);
  EXPECT_TRUE(queue.try_put(1));
  EXPECT_EQ(queue.get({.block = false}), 1);
  EXPECT_EQ(queue.get({.timeout = 1h}), 1);
  EXPECT_EQ(queue.get({.block = false, .timeout = 1h}), 1);
  EXPECT_EQ(queue.try_get(1h), 1);
}

TYPED_TEST_P(QueueSuite, NegativeTimeoutIsNotLookedAtWithoutAWait) {
  typename TestFixture::Queue bounded(1);
  bounded.put({.block = false, .timeout = -1s}, 1);
  EXPECT_EQ(bounded.get({.block = false, .timeout = -1s}), 1);
  EXPECT_THROW(bounded.get({.block = false, .timeout = -1s}), Empty);
  typename TestFixture::Queue unbounded;
  unbounded.put({.timeout = -1s}, 1);
  EXPECT_EQ(unbounded.try_get(-1s), 1);
  EXPECT_EQ(unbounded.try_get(-1s), std::nullopt);
}

TYPED_TEST_P(QueueSuite, BlockedPutGoesOnWhenThereIsRoom) {
  typename TestFixture::Queue queue(1);
  queue.put(1);
  auto putter = TypeParam::beside(put_one, queue, 2);
  putter.await_sleep();
  EXPECT_FALSE(putter.is_over());
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(putter.result(), fine);
  EXPECT_EQ(queue.get(), 2);
}

TYPED_TEST_P(QueueSuite, BlockedPutGoesOnWhenThereIsRoomInALongQueue) {
  typename TestFixture::Queue queue(1000);
  this->fill(queue, 1000);
  auto putter = TypeParam::beside(put_one, queue, 2);
  putter.await_sleep();
  static_cast<void>(queue.get());
  EXPECT_EQ(putter.result(), fine) << "one place is enough";
  EXPECT_TRUE(queue.full());
}

TYPED_TEST_P(QueueSuite, BlockedGetGoesOnWhenThereIsAnItem) {
  typename TestFixture::Queue queue(1);
  auto getter = TypeParam::beside(get_value, queue);
  getter.await_sleep();
  EXPECT_FALSE(getter.is_over());
  queue.put(7);
  EXPECT_EQ(getter.result(), 7);
  EXPECT_TRUE(queue.empty());
}

TYPED_TEST_P(QueueSuite, EachItemWakesAGetter) {
  typename TestFixture::Queue queue;
  auto one = TypeParam::beside(get_value, queue);
  auto two = TypeParam::beside(get_value, queue);
  auto three = TypeParam::beside(get_value, queue);
  one.await_sleep();
  two.await_sleep();
  three.await_sleep();
  for (const int item : {1, 2, 4}) queue.put(item);
  EXPECT_EQ(one.result() + two.result() + three.result(), 7);
}

// ---- tasks

TYPED_TEST_P(QueueSuite, TaskDoneTooOftenIsRefused) {
  typename TestFixture::Queue queue;
  EXPECT_THROW(queue.task_done(), ValueError);
  queue.put(1);
  queue.task_done();
  EXPECT_THROW(queue.task_done(), ValueError);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
}

TYPED_TEST_P(QueueSuite, JoinOfAFreshQueueReturnsAtOnce) {
  typename TestFixture::Queue queue;
  queue.join();
  EXPECT_TRUE(queue.join(0s));
}

TYPED_TEST_P(QueueSuite, JoinWaitsForAllTasks) {
  typename TestFixture::Queue queue;
  auto one = TypeParam::beside(work_off, queue);
  auto two = TypeParam::beside(work_off, queue);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) queue.put(i);
    queue.join();
    EXPECT_EQ(queue.unfinished_tasks(), 0U);
    EXPECT_TRUE(queue.empty());
  }
  queue.put(-1);
  queue.put(-1);
  queue.join();
  EXPECT_EQ(one.result() + two.result(), 2 * 4950);
}

TYPED_TEST_P(QueueSuite, JoinLetsAllWaitersGo) {
  typename TestFixture::Queue queue;
  this->fill(queue, 2);
  auto one = TypeParam::beside(join_it, queue);
  auto two = TypeParam::beside(join_it, queue);
  one.await_sleep();
  two.await_sleep();
  queue.task_done();
  EXPECT_FALSE(one.is_over());
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  queue.task_done();
  EXPECT_EQ(one.result(), fine);
  EXPECT_EQ(two.result(), fine);
}

TYPED_TEST_P(QueueSuite, JoinWithATimeoutSaysIfItCameToThat) {
  typename TestFixture::Queue queue;
  queue.put(1);
  EXPECT_FALSE(queue.join(0s));
  EXPECT_FALSE(queue.join(-1s));
  EXPECT_FALSE(queue.join(10ms));
  queue.task_done();
  EXPECT_TRUE(queue.join(0s));
}

// ---- shutdown

TYPED_TEST_P(QueueSuite, ShutdownOfAnEmptyQueue) {
  typename TestFixture::Queue queue;
  EXPECT_FALSE(queue.is_shutdown());
  queue.shutdown();
  EXPECT_TRUE(queue.is_shutdown());
  EXPECT_THROW(queue.put(1), ShutDown);
  EXPECT_THROW(queue.get(), ShutDown);
}

TYPED_TEST_P(QueueSuite, ShutdownLetsWhatIsThereBeGot) {
  typename TestFixture::Queue queue;
  queue.put(1);
  queue.put(2);
  queue.shutdown();
  EXPECT_THROW(queue.put(3), ShutDown);
  EXPECT_EQ(queue.get() + queue.get(), 3);
  EXPECT_THROW(queue.get(), ShutDown);
}

TYPED_TEST_P(QueueSuite, ImmediateShutdownDropsWhatIsThere) {
  typename TestFixture::Queue queue;
  this->fill(queue, 1'000);
  queue.shutdown({.immediate = true});
  EXPECT_TRUE(queue.empty());
  EXPECT_THROW(queue.put(3), ShutDown);
  EXPECT_THROW(queue.get(), ShutDown);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  EXPECT_TRUE(queue.join(0s));
}

TYPED_TEST_P(QueueSuite, ShutdownMayBeRepeatedAndBecomeImmediate) {
  typename TestFixture::Queue queue;
  this->fill(queue, 3);
  queue.shutdown();
  queue.shutdown();
  EXPECT_EQ(queue.qsize(), 3U);
  queue.shutdown(true);
  EXPECT_TRUE(queue.empty());
  EXPECT_THROW(queue.get(), ShutDown);
  queue.shutdown();
  queue.shutdown(true);
  EXPECT_TRUE(queue.is_shutdown());
}

TYPED_TEST_P(QueueSuite, EveryCallAfterShutdown) {
  for (const bool immediate : {false, true}) {
    typename TestFixture::Queue queue(2);
    queue.put(1);
    queue.put(2);
    queue.shutdown(immediate);
    EXPECT_THROW(queue.put(3), ShutDown);
    EXPECT_THROW(queue.put_nowait(3), ShutDown);
    EXPECT_THROW(queue.put({.block = false}, 3), ShutDown);
    EXPECT_THROW(queue.put({.timeout = 1h}, 3), ShutDown);
    EXPECT_THROW(queue.put({.timeout = -1s}, 3), ShutDown) << "before the timeout is looked at";
    EXPECT_THROW(queue.emplace(3), ShutDown);
    EXPECT_THROW(static_cast<void>(queue.try_put(3)), ShutDown);
    if (!immediate) {
      EXPECT_NE(queue.try_get(), std::nullopt);
      static_cast<void>(queue.get_nowait());
      queue.task_done();
      queue.task_done();
    }
    EXPECT_THROW(queue.get(), ShutDown);
    EXPECT_THROW(queue.get_nowait(), ShutDown);
    EXPECT_THROW(queue.get({.timeout = 1h}), ShutDown);
    EXPECT_THROW(queue.get({.timeout = -1s}), ShutDown);
    EXPECT_THROW(static_cast<void>(queue.try_get()), ShutDown);
    EXPECT_THROW(queue.task_done(), ValueError);
    queue.join();
  }
}

TYPED_TEST_P(QueueSuite, ShutdownWakesBlockedGets) {
  for (const bool immediate : {false, true}) {
    typename TestFixture::Queue queue;
    auto one = TypeParam::beside(get_one, queue);
    auto two = TypeParam::beside(get_one, queue);
    one.await_sleep();
    two.await_sleep();
    queue.shutdown(immediate);
    EXPECT_EQ(one.result(), Came::shut_down);
    EXPECT_EQ(two.result(), Came::shut_down);
  }
}

TYPED_TEST_P(QueueSuite, ShutdownWakesBlockedPuts) {
  for (const bool immediate : {false, true}) {
    typename TestFixture::Queue queue(1);
    queue.put(1);
    auto one = TypeParam::beside(put_one, queue, 2);
    auto two = TypeParam::beside(put_one, queue, 3);
    one.await_sleep();
    two.await_sleep();
    queue.shutdown(immediate);
    EXPECT_EQ(one.result(), Came::shut_down);
    EXPECT_EQ(two.result(), Came::shut_down);
    EXPECT_EQ(queue.qsize(), immediate ? 0U : 1U);
  }
}

TYPED_TEST_P(QueueSuite, ImmediateShutdownEndsJoin) {
  typename TestFixture::Queue queue;
  this->fill(queue, 3);
  auto joiner = TypeParam::beside(join_it, queue);
  joiner.await_sleep();
  queue.shutdown();
  EXPECT_FALSE(joiner.is_over());
  queue.shutdown(true);
  EXPECT_EQ(joiner.result(), fine);
}

TYPED_TEST_P(QueueSuite, WhatHasBeenGotHoldsJoinAfterImmediateShutdown) {
  typename TestFixture::Queue queue;
  this->fill(queue, 3);
  static_cast<void>(queue.get());
  auto joiner = TypeParam::beside(join_it, queue);
  joiner.await_sleep();
  queue.shutdown(true);
  EXPECT_EQ(queue.unfinished_tasks(), 1U);
  EXPECT_FALSE(joiner.is_over());
  queue.task_done();
  EXPECT_EQ(joiner.result(), fine);
  EXPECT_THROW(queue.task_done(), ValueError);
}

TYPED_TEST_P(QueueSuite, TasksDoneAheadOfTheirGetAreNotCountedTwice) {
  typename TestFixture::Queue queue;
  this->fill(queue, 3);
  queue.task_done();
  queue.task_done();
  queue.shutdown(true);
  EXPECT_EQ(queue.unfinished_tasks(), 0U);
  EXPECT_THROW(queue.task_done(), ValueError);
}

TYPED_TEST_P(QueueSuite, TasksGoOnAfterShutdown) {
  typename TestFixture::Queue queue;
  this->fill(queue, 2);
  queue.shutdown();
  auto joiner = TypeParam::beside(join_it, queue);
  joiner.await_sleep();
  static_cast<void>(queue.get());
  queue.task_done();
  static_cast<void>(queue.get());
  EXPECT_FALSE(joiner.is_over());
  queue.task_done();
  EXPECT_EQ(joiner.result(), fine);
}

TYPED_TEST_P(QueueSuite, NothingIsLostWhenShutDownInFullSwing) {
  for (const int maxsize : {0, 1, 10}) {
    typename TestFixture::Queue queue(maxsize);
    auto putter1 = TypeParam::beside(put_until_shut_down, queue);
    auto putter2 = TypeParam::beside(put_until_shut_down, queue);
    auto getter1 = TypeParam::beside(get_until_shut_down, queue);
    auto getter2 = TypeParam::beside(get_until_shut_down, queue);
    for (int i = 0; i < 200; ++i) static_cast<void>(queue.get());
    queue.shutdown();
    const int got = getter1.result() + getter2.result() + 200;
    EXPECT_EQ(putter1.result() + putter2.result(), got);
    EXPECT_EQ(queue.unfinished_tasks(), static_cast<std::size_t>(got));
  }
}

TYPED_TEST_P(QueueSuite, AllAreLetGoByImmediateShutdownInFullSwing) {
  for (const int maxsize : {0, 1, 10}) {
    typename TestFixture::Queue queue(maxsize);
    auto putter1 = TypeParam::beside(put_until_shut_down, queue);
    auto putter2 = TypeParam::beside(put_until_shut_down, queue);
    auto getter = TypeParam::beside(get_until_shut_down, queue);
    auto joiner = TypeParam::beside(join_it, queue);
    for (int i = 0; i < 200; ++i) static_cast<void>(queue.get());
    queue.shutdown(true);
    const int got = getter.result() + 200;
    EXPECT_GE(putter1.result() + putter2.result(), got);
    EXPECT_EQ(queue.unfinished_tasks(), static_cast<std::size_t>(got));
    for (int i = 0; i < got; ++i) queue.task_done();
    EXPECT_EQ(joiner.result(), fine);
  }
}

REGISTER_TYPED_TEST_SUITE_P(QueueSuite, ItemsComeOutInOrder, ManyItemsComeOutInOrder, SizeIsTold, ZeroAndLessIsNoBound,
                            FullQueueRefuses, EmptyQueueRefuses, TimeoutIsWaitedFor,
                            OptionsDoNotMatterWhereThereIsNoWait, NegativeTimeoutIsNotLookedAtWithoutAWait,
                            BlockedPutGoesOnWhenThereIsRoom, BlockedPutGoesOnWhenThereIsRoomInALongQueue,
                            BlockedGetGoesOnWhenThereIsAnItem, EachItemWakesAGetter, TaskDoneTooOftenIsRefused,
                            JoinOfAFreshQueueReturnsAtOnce, JoinWaitsForAllTasks, JoinLetsAllWaitersGo,
                            JoinWithATimeoutSaysIfItCameToThat, ShutdownOfAnEmptyQueue, ShutdownLetsWhatIsThereBeGot,
                            ImmediateShutdownDropsWhatIsThere, ShutdownMayBeRepeatedAndBecomeImmediate,
                            EveryCallAfterShutdown, ShutdownWakesBlockedGets, ShutdownWakesBlockedPuts,
                            ImmediateShutdownEndsJoin, WhatHasBeenGotHoldsJoinAfterImmediateShutdown,
                            TasksDoneAheadOfTheirGetAreNotCountedTwice, TasksGoOnAfterShutdown,
                            NothingIsLostWhenShutDownInFullSwing, AllAreLetGoByImmediateShutdownInFullSwing);

// ---- what Python's queues of threads have beyond those of multiprocessing

template <class Backend>
class ThreadQueueSuite : public QueueSuite<Backend> {};
TYPED_TEST_SUITE_P(ThreadQueueSuite);

TYPED_TEST_P(ThreadQueueSuite, NegativeTimeoutIsRefused) {
  typename TestFixture::Queue queue(2);
  EXPECT_THROW(queue.put({.timeout = -1s}, 1), ValueError);
  EXPECT_THROW(queue.get({.timeout = -1s}), ValueError);
  queue.put(1);
  EXPECT_THROW(queue.get({.timeout = -1ns}), ValueError) << "though there is an item";
  EXPECT_EQ(queue.qsize(), 1U);
}

TYPED_TEST_P(ThreadQueueSuite, ShrinkingAFullQueueKeepsItFull) {
  typename TestFixture::Queue queue(3);
  this->fill(queue, 3);
  queue.set_maxsize(2);
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait(9), Full);
  static_cast<void>(queue.get());
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait(9), Full);
  static_cast<void>(queue.get());
  queue.put_nowait(9);
  EXPECT_TRUE(queue.full());
}

TYPED_TEST_P(ThreadQueueSuite, GrowingLetsBlockedPutsGoOn) {
  typename TestFixture::Queue queue(1);
  queue.put(1);
  auto one = TypeParam::beside(put_one, queue, 2);
  auto two = TypeParam::beside(put_one, queue, 3);
  one.await_sleep();
  two.await_sleep();
  queue.set_maxsize(3);
  EXPECT_EQ(one.result(), fine);
  EXPECT_EQ(two.result(), fine);
  EXPECT_TRUE(queue.full());
  queue.set_maxsize(0);
  for (int i = 0; i < 100; ++i) queue.put_nowait(i);
}

TYPED_TEST_P(ThreadQueueSuite, ShutdownIsForGood) {
  typename TestFixture::Queue queue(2);
  queue.put(1);
  queue.shutdown();
  EXPECT_THROW(queue.get({.timeout = -1s}), ValueError) << "there is an item to be waited for";
  queue.set_maxsize(5);
  EXPECT_THROW(queue.put(3), ShutDown) << "a larger bound is no new life";
}

REGISTER_TYPED_TEST_SUITE_P(ThreadQueueSuite, NegativeTimeoutIsRefused, ShrinkingAFullQueueKeepsItFull,
                            GrowingLetsBlockedPutsGoOn, ShutdownIsForGood);

}  // namespace plait::queue
