// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every kind of Barrier must do (Python's lock_tests: BarrierTests), over a back end as in thread_workers.hpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "plait/errors.hpp"
#include "plait/threading/barrier.hpp"
#include "plait/until.hpp"

namespace plait::threading {

using namespace std::chrono_literals;

template <class Workers>
class BarrierSuite : public testing::Test {
 protected:
  using Barrier = typename Workers::Barrier;
  using Event = typename Workers::Event;

  // The index, or -1 when the barrier was broken.
  static constexpr auto wait_once = [](auto& barrier) {
    try {
      return barrier.wait();
    } catch (const BrokenBarrierError&) {
      return -1;
    }
  };
  using Task = decltype(Workers::start(wait_once, std::declval<Barrier&>()));

  static void start(std::list<Task>& tasks, Barrier& barrier, int count) {
    const int before = barrier.n_waiting();
    for (int i = 0; i < count; ++i) tasks.push_back(Workers::start(wait_once, barrier));
    while (barrier.n_waiting() < before + count) std::this_thread::yield();
  }
};

TYPED_TEST_SUITE_P(BarrierSuite);

TYPED_TEST_P(BarrierSuite, NeedsOneParty) {
  EXPECT_THROW(typename TypeParam::Barrier(0), ValueError);
  EXPECT_THROW(typename TypeParam::Barrier(-1), ValueError);
  typename TypeParam::Barrier one(1);
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(one.wait(0s), 0);
}

TYPED_TEST_P(BarrierSuite, PropertiesAreThoseOfTheRound) {
  typename TypeParam::Barrier barrier(3);
  EXPECT_EQ(barrier.parties(), 3);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 2);
  EXPECT_EQ(barrier.n_waiting(), 2);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(barrier.n_waiting(), 0);
}

TYPED_TEST_P(BarrierSuite, IndicesAreDistinctInEveryRound) {
  constexpr int parties = 5, rounds = 20;
  typename TypeParam::Barrier barrier(parties);
  const auto wait_often = [](auto& its) {
    std::vector<int> indices;
    for (int round = 0; round < rounds; ++round) indices.push_back(its.wait());
    return indices;
  };
  std::list<decltype(TypeParam::start(wait_often, barrier))> tasks;
  for (int i = 0; i < parties; ++i) tasks.push_back(TypeParam::start(wait_often, barrier));
  std::vector<std::vector<int>> all;
  for (auto& task : tasks) all.push_back(task.get());
  for (std::size_t round = 0; round < rounds; ++round) {
    std::set<int> indices;
    for (const auto& of_one : all) indices.insert(of_one[round]);
    EXPECT_EQ(indices, (std::set<int>{0, 1, 2, 3, 4}));
  }
}

TYPED_TEST_P(BarrierSuite, NoneLapsAnother) {
  constexpr int parties = 3, rounds = 1000;
  typename TypeParam::Barrier barrier(parties);
  std::atomic<int> arrived{0};
  std::atomic<bool> wrong{false};
  {
    std::list<std::jthread> threads;
    for (int i = 0; i < parties; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          arrived.fetch_add(1, std::memory_order_relaxed);
          barrier.wait();
          const int seen = arrived.load(std::memory_order_relaxed);
          if (seen < parties * (round + 1) || seen > parties * (round + 2) - 1) wrong = true;
        }
      });
    }
  }
  EXPECT_FALSE(wrong);
}

TYPED_TEST_P(BarrierSuite, TimeoutBreaksItForAll) {
  typename TypeParam::Barrier barrier(3);
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 1);
  EXPECT_THROW(barrier.wait(10ms), BrokenBarrierError);
  EXPECT_EQ(tasks.front().get(), -1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
}

TYPED_TEST_P(BarrierSuite, DefaultTimeoutIsEachWaits) {
  typename TypeParam::Barrier barrier({.timeout = 10ms}, 2);
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  std::list<typename TestFixture::Task> tasks;
  tasks.push_back(TypeParam::start([](auto& its) { return its.wait(1h); }, barrier));
  while (barrier.n_waiting() < 1) std::this_thread::yield();
  EXPECT_EQ(barrier.wait(1h), 1);
}

TYPED_TEST_P(BarrierSuite, PollBreaksItUnlessItIsTheLast) {
  typename TypeParam::Barrier barrier(2);
  EXPECT_THROW(barrier.wait(0s), BrokenBarrierError);
  barrier.reset();
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 1);
  EXPECT_EQ(barrier.wait(-1s), 1);
}

TYPED_TEST_P(BarrierSuite, AbortBreaksItUntilReset) {
  typename TypeParam::Barrier barrier(3);
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 2);
  barrier.abort();
  for (auto& task : tasks) EXPECT_EQ(task.get(), -1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  tasks.clear();
  this->start(tasks, barrier, 2);
  EXPECT_EQ(barrier.wait(), 2);
}

TYPED_TEST_P(BarrierSuite, ResetSendsTheWaitersAway) {
  typename TypeParam::Barrier barrier(3);
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 2);
  barrier.reset();
  for (auto& task : tasks) EXPECT_EQ(task.get(), -1);
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.n_waiting(), 0);
  tasks.clear();
  this->start(tasks, barrier, 2);
  EXPECT_EQ(barrier.wait(), 2) << "it is as new";
}

TYPED_TEST_P(BarrierSuite, StopRequestBreaksIt) {
  typename TypeParam::Barrier barrier(2);
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  EXPECT_THROW(barrier.wait(source.get_token()), BrokenBarrierError);
  EXPECT_TRUE(barrier.broken());
}

TYPED_TEST_P(BarrierSuite, ActionThatThrowsBreaksIt) {
  typename TypeParam::Barrier barrier({.action = [] { throw std::domain_error("no"); }}, 2);
  std::list<typename TestFixture::Task> tasks;
  this->start(tasks, barrier, 1);
  EXPECT_THROW(barrier.wait(), std::domain_error);
  EXPECT_EQ(tasks.front().get(), -1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrierError);
}

// ---- actions: here they run in the test's process, which comes last

TYPED_TEST_P(BarrierSuite, ActionRunsOnceARoundBeforeAllGoOn) {
  static std::atomic<int> actions;
  actions = 0;
  typename TypeParam::Barrier barrier({.action = [] { ++actions; }}, 2);
  for (int round = 1; round <= 3; ++round) {
    std::list<typename TestFixture::Task> tasks;
    this->start(tasks, barrier, 1);
    EXPECT_EQ(actions, round - 1);
    EXPECT_EQ(barrier.wait(), 1);
    EXPECT_EQ(actions, round);
    EXPECT_EQ(tasks.front().get(), 0);
  }
}

TYPED_TEST_P(BarrierSuite, ATimeoutComesTooLateOnceAllAreThere) {
  static std::atomic<bool> acting;
  acting = false;
  typename TypeParam::Barrier barrier({.action =
                                           [] {
                                             acting = true;
                                             for (const Deadline past = 60ms; !past.expired();)
                                               std::this_thread::yield();
                                           }},
                                      2);
  auto waiter = TypeParam::start([](auto& its) { return its.wait(1h); }, barrier);
  while (barrier.n_waiting() < 1) std::this_thread::yield();
  auto impatient = std::jthread([&] { EXPECT_EQ(barrier.wait(30ms), 1); });
  EXPECT_EQ(waiter.get(), 0);
  impatient.join();
  EXPECT_TRUE(acting);
  EXPECT_FALSE(barrier.broken());
  // The other way round: the first one's time comes while the last one acts.
  typename TestFixture::Event come;
  auto first = TypeParam::start(
      [](auto& its, auto& about_to_wait) {
        about_to_wait.set();
        return its.wait(30ms);
      },
      barrier, come);
  come.wait();
  try {
    const int index = barrier.wait(1h);
    EXPECT_EQ(first.get() + index, 1) << "both went on";
  } catch (const BrokenBarrierError&) {  // its time came before this thread did
    EXPECT_THROW(first.get(), BrokenBarrierError);
  }
}

REGISTER_TYPED_TEST_SUITE_P(BarrierSuite, NeedsOneParty, PropertiesAreThoseOfTheRound, IndicesAreDistinctInEveryRound,
                            NoneLapsAnother, TimeoutBreaksItForAll, DefaultTimeoutIsEachWaits,
                            PollBreaksItUnlessItIsTheLast, AbortBreaksItUntilReset, ResetSendsTheWaitersAway,
                            StopRequestBreaksIt, ActionRunsOnceARoundBeforeAllGoOn, ActionThatThrowsBreaksIt,
                            ATimeoutComesTooLateOnceAllAreThere);

}  // namespace plait::threading
