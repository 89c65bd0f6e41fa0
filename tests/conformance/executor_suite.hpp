// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every Executor must do, through an Executor&. A back end is a type with `make(max_workers)`, which gives a fresh
// executor; include this, define your list and INSTANTIATE_TYPED_TEST_SUITE_P(…, ExecutorSuite, List). All that is
// submitted here can be sent to another process.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/counts_moves.hpp"
#include "conformance/gate.hpp"
#include "plait/errors.hpp"
#include "plait/futures/executor.hpp"
#include "plait/futures/wait.hpp"

namespace plait::futures {

using namespace std::chrono_literals;
using tests::Gate;

// ---- what is submitted

inline int add(int a, int b) { return a + b; }
inline int same(int x) { return x; }
inline bool is_even(int x) { return x % 2 == 0; }
inline bool negated(bool x) { return !x; }
inline void nothing(int) {}
inline std::string shout(std::string text) { return text + "!"; }
inline std::size_t length(std::string_view text) { return text.size(); }
inline int reciprocal(int x) {
  if (x == 0) throw std::domain_error("division by zero");
  return 100 / x;
}
inline int throw_int(int x) { throw x; }
inline int hold(const std::string& gate, int value) {
  Gate::wait_at(gate);
  return value;
}
// Says that it has begun, then waits.
inline int begin_and_hold(const std::string& begun, const std::string& gate) {
  Gate::wait_at(begun);
  Gate::wait_at(gate);
  return 1;
}
struct Point {
  int x, y;
  friend bool operator==(const Point&, const Point&) = default;
};
inline int take(std::unique_ptr<int> number) { return *number; }
inline Point mirrored(const Point& p) { return {p.y, p.x}; }

template <class Backend>
class ExecutorSuite : public testing::Test {
 protected:
  static std::unique_ptr<Executor> make(int max_workers) { return Backend::make(max_workers); }

  std::unique_ptr<Executor> owned_ = make(2);
  Executor& executor = *owned_;
};
TYPED_TEST_SUITE_P(ExecutorSuite);

// ---- submit

TYPED_TEST_P(ExecutorSuite, SubmitGivesTheResult) {
  auto future = this->executor.submit(add, 20, 22);
  EXPECT_EQ(future.result(), 42);
  EXPECT_TRUE(future.done());
  EXPECT_FALSE(future.cancelled());
  EXPECT_EQ(future.exception(), nullptr);
  this->executor.submit(nothing, 1).result();
}

TYPED_TEST_P(ExecutorSuite, ArgumentsAreValuesOfTheParametersTypes) {
  EXPECT_EQ(this->executor.submit(shout, "hey").result(), "hey!");
  EXPECT_EQ(this->executor.submit(length, std::string("four")).result(), 4U);
  EXPECT_EQ(this->executor.submit(mirrored, Point{1, 2}).result(), (Point{2, 1}));
  EXPECT_EQ(this->executor.submit([](int x) { return x + 0.5; }, 1).result(), 1.5);
}

TYPED_TEST_P(ExecutorSuite, ExceptionsKeepTypeAndMessage) {
  auto future = this->executor.submit(reciprocal, 0);
  try {
    future.result();
    FAIL() << "nothing thrown";
  } catch (const std::domain_error& error) {
    EXPECT_STREQ(error.what(), "division by zero");
  }
  EXPECT_NE(future.exception(), nullptr);
  EXPECT_THROW(future.result(), std::domain_error) << "again";
}

TYPED_TEST_P(ExecutorSuite, WorkersSurviveExceptionsOfAnyType) {
  for (int i = 0; i < 5; ++i) EXPECT_NE(this->executor.submit(throw_int, i).exception(), nullptr);
  EXPECT_EQ(this->executor.submit(same, 1).result(), 1);
}

TYPED_TEST_P(ExecutorSuite, ManyTasksEachGetTheirOwnResult) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(this->executor.submit(add, i, 1));
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(futures[static_cast<std::size_t>(i)].result(), i + 1);
}

TYPED_TEST_P(ExecutorSuite, CallbacksAreToldTheOutcome) {
  std::atomic<int> sum{0};
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(this->executor.submit(same, i));
    futures.back().add_done_callback([&](Future<int>& done) { sum += done.result(); });
  }
  (void)wait(futures);
  this->executor.shutdown();
  EXPECT_EQ(sum, 4950);
}

TYPED_TEST_P(ExecutorSuite, CallbacksMaySubmit) {
  Future<int> second;
  this->executor.submit(same, 1).add_done_callback([&](Future<int>& first) {
    this->executor.submit(add, first.result(), 1).add_done_callback([&](Future<int>& done) {
      second.set_result(done.result());
    });
  });
  EXPECT_EQ(second.result(), 2);
}

TYPED_TEST_P(ExecutorSuite, CallbacksMayShutDown) {
  Future<void> called;
  auto future = this->executor.submit(same, 1);
  future.add_done_callback([&](Future<int>&) {
    this->executor.shutdown();
    called.set_result();
  });
  called.result();
  EXPECT_THROW((void)this->executor.submit(same, 1), RuntimeError);
}

TYPED_TEST_P(ExecutorSuite, TimeoutsLeaveTheTaskRunning) {
  Gate gate;
  auto future = this->executor.submit(hold, gate.name(), 7);
  EXPECT_THROW(future.result(1ms), TimeoutError);
  EXPECT_THROW(future.result(0s), TimeoutError);
  EXPECT_EQ(wait({.timeout = 1ms}, std::vector{future}).not_done.size(), 1U);
  gate.pass();
  EXPECT_EQ(future.result(), 7);
}

TYPED_TEST_P(ExecutorSuite, WhatHasNotBegunCanBeCancelled) {
  auto owned = this->make(1);
  Gate gate;
  auto first = owned->submit(hold, gate.name(), 1);
  std::vector<Future<int>> rest;
  for (int i = 0; i < 1000; ++i) rest.push_back(owned->submit(same, i));
  auto& last = rest.back();
  EXPECT_TRUE(last.cancel());
  EXPECT_TRUE(last.cancelled());
  EXPECT_THROW(last.result(), CancelledError);
  gate.pass();
  EXPECT_EQ(first.result(), 1);
  EXPECT_FALSE(first.cancel());
  EXPECT_EQ(wait(rest).done.size(), rest.size());
}

// ---- map

TYPED_TEST_P(ExecutorSuite, MapKeepsTheOrderAndStopsAtTheShortest) {
  EXPECT_EQ(this->executor.map(add, std::vector{1, 2, 3}, std::vector{10, 20}).list(), (std::vector{11, 22}));
  EXPECT_EQ(this->executor.map(add, std::views::iota(0), std::vector{10, 20}).list(), (std::vector{10, 21}));
  EXPECT_EQ(this->executor.map(shout, std::vector<std::string>{"a", "b"}).list(),
            (std::vector<std::string>{"a!", "b!"}));
}

TYPED_TEST_P(ExecutorSuite, MapMovesOutOfRangesThatYieldRvalues) {
  auto made = std::views::iota(1, 4) | std::views::transform([](int i) { return std::make_unique<int>(i); });
  EXPECT_EQ(this->executor.map(take, made).list(), (std::vector{1, 2, 3}));
  EXPECT_EQ(this->executor.map({.chunksize = 2}, take, made).list(), (std::vector{1, 2, 3}));
}

TYPED_TEST_P(ExecutorSuite, MapTakesTheElementsAsTheyWere) {
  std::vector<bool> bits(100, true);
  auto results = this->executor.map(negated, bits);
  bits.assign(100, false);
  EXPECT_EQ(results.list(), std::vector<bool>(100, false));
}

TYPED_TEST_P(ExecutorSuite, MapOfNothingIsEmpty) {
  EXPECT_TRUE(this->executor.map(same, std::vector<int>()).list().empty());
  EXPECT_TRUE(this->executor.map({.chunksize = 3, .buffersize = 2}, same, std::vector<int>()).list().empty());
}

TYPED_TEST_P(ExecutorSuite, MapOverNoRangesIsEmpty) {
  const auto seven = [] { return 7; };
  EXPECT_TRUE(this->executor.map(seven).list().empty());
  EXPECT_TRUE(this->executor.map({.chunksize = 2, .buffersize = 3}, seven).list().empty());
}

TYPED_TEST_P(ExecutorSuite, MapInChunksGivesTheSame) {
  for (const int chunksize : {1, 3, 7, 1000}) {
    int expected = 0;
    for (int x : this->executor.map({.chunksize = chunksize}, same, std::views::iota(0, 100))) EXPECT_EQ(x, expected++);
    EXPECT_EQ(expected, 100);
  }
}

TYPED_TEST_P(ExecutorSuite, MapOfEveryKindOfResult) {
  for (const int chunksize : {1, 2}) {
    int count = 0;
    for (bool even : this->executor.map({.chunksize = chunksize}, is_even, std::vector{0, 1, 2})) {
      EXPECT_EQ(even, count++ % 2 == 0);
    }
    this->executor.map({.chunksize = chunksize}, nothing, std::vector{1, 2, 3}).list();
    EXPECT_EQ(this->executor.map({.chunksize = chunksize}, length, std::vector{"a", "bb", "ccc"}).list(),
              (std::vector<std::size_t>{1, 2, 3}));
    EXPECT_EQ(this->executor.map({.chunksize = chunksize}, mirrored, std::vector{Point{1, 2}, {3, 4}}).list(),
              (std::vector{Point{2, 1}, {4, 3}}));
  }
}

TYPED_TEST_P(ExecutorSuite, MapRaisesAnErrorWhenItsTurnComes) {
  for (const int chunksize : {1, 2, 10}) {
    std::vector<int> values;
    EXPECT_THROW(
        {
          for (int x : this->executor.map({.chunksize = chunksize}, reciprocal, std::vector{1, 2, 4, 0, 5})) {
            values.push_back(x);
          }
        },
        std::domain_error);
    EXPECT_EQ(values, (std::vector{100, 50, 25}));
  }
}

TYPED_TEST_P(ExecutorSuite, MapOfAnEndlessRange) {
  for (const int chunksize : {1, 5}) {
    int count = 0;
    for (int x : this->executor.map({.chunksize = chunksize, .buffersize = 4}, same, std::views::iota(0))) {
      ASSERT_EQ(x, count);
      if (++count == 100) break;
    }
  }
  for (int x : this->executor.map(same, std::views::iota(7))) {
    EXPECT_EQ(x, 7);
    break;
  }
}

TYPED_TEST_P(ExecutorSuite, MapPullsNoMoreThanItsBuffer) {
  int pulled = 0;
  auto counted = std::views::iota(0) | std::views::transform([&](int i) { return ++pulled, i; });
  auto results = this->executor.map({.buffersize = 5}, same, counted);
  EXPECT_EQ(pulled, 5);
  int taken = 0;
  for (int x : results) {
    ASSERT_EQ(x, taken++);
    ASSERT_LE(pulled, taken + 5);
    if (taken == 50) break;
  }
}

TYPED_TEST_P(ExecutorSuite, MapTakesWhatIsDoneWhileItSubmits) {
  auto submitter = this->make(1);
  constexpr int count = 1000;
  tests::CountsMoves::moves_here = 0;
  auto numbers = std::views::iota(0, count) | std::views::transform([&](int i) {
                   if (i % 100 == 99) submitter->submit(same, i).result();  // so those before are done
                   return i;
                 });
  auto results = submitter->map(tests::counting_moves, numbers);
  EXPECT_GT(tests::CountsMoves::moves_here, 0) << "before anybody has looked at the results";
  int taken = 0;
  for (const auto& result : results) ASSERT_EQ(result.value(), taken++);
  EXPECT_EQ(taken, count);
}

TYPED_TEST_P(ExecutorSuite, MapThrowsAnErrorThatCameWhileItSubmittedInItsTurn) {
  auto submitter = this->make(1);
  auto numbers = std::views::iota(-20, 300) | std::views::transform([&](int i) {
                   if (i % 100 == 99) submitter->submit(same, i).result();
                   return i;
                 });
  std::vector<int> values;
  const auto iterate = [&] {
    for (int x : submitter->map(reciprocal, numbers)) values.push_back(x);
  };
  EXPECT_THROW(iterate(), std::domain_error);
  EXPECT_EQ(values.size(), 20U);
}

TYPED_TEST_P(ExecutorSuite, MapRefusesAnEmptyBuffer) {
  for (const int buffersize : {0, -1}) {
    EXPECT_THROW((void)this->executor.map({.buffersize = buffersize}, same, std::vector{1}), ValueError);
  }
}

TYPED_TEST_P(ExecutorSuite, MapTimesOut) {
  Gate begun, gate;
  auto results =
      this->executor.map({.timeout = 1ms}, begin_and_hold, std::vector{begun.name()}, std::vector{gate.name()});
  begun.pass();
  EXPECT_THROW(results.begin(), TimeoutError);
  gate.pass();
}

// ---- wait, as_completed

TYPED_TEST_P(ExecutorSuite, WaitForTheFirstThenForAll) {
  Gate gate;
  std::vector futures{this->executor.submit(hold, gate.name(), 1), this->executor.submit(same, 2)};
  auto [done, not_done] = wait({.return_when = FIRST_COMPLETED}, futures);
  EXPECT_EQ(done, std::vector{futures[1]});
  EXPECT_EQ(not_done, std::vector{futures[0]});
  gate.pass();
  EXPECT_EQ(wait(futures).done, futures);
}

TYPED_TEST_P(ExecutorSuite, WaitForTheFirstException) {
  Gate gate;
  std::vector futures{this->executor.submit(hold, gate.name(), 1), this->executor.submit(reciprocal, 1),
                      this->executor.submit(reciprocal, 0)};
  auto [done, not_done] = wait({.return_when = FIRST_EXCEPTION}, futures);
  EXPECT_NE(std::ranges::find(done, futures[2]), done.end());
  EXPECT_EQ(not_done, std::vector{futures[0]});
  gate.pass();
}

TYPED_TEST_P(ExecutorSuite, AsCompletedYieldsEachOnce) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(this->executor.submit(same, i));
  long sum = 0;
  for (auto& future : as_completed(futures)) sum += future.result();
  EXPECT_EQ(sum, 499'500);
}

TYPED_TEST_P(ExecutorSuite, AsCompletedIsInTheOrderOfCompletion) {
  Gate gate;
  std::vector futures{this->executor.submit(hold, gate.name(), 1), this->executor.submit(same, 2)};
  std::vector<int> order;
  for (auto& future : as_completed(futures)) {
    order.push_back(future.result());
    if (order.size() == 1) gate.pass();
  }
  EXPECT_EQ(order, (std::vector{2, 1}));
}

TYPED_TEST_P(ExecutorSuite, FuturesOfSeveralExecutorsTogether) {
  auto other = this->make(1);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back((i % 2 == 0 ? this->executor : *other).submit(same, i));
  int sum = 0;
  for (auto& future : as_completed(futures)) sum += future.result();
  EXPECT_EQ(sum, 45);
}

// ---- the end

TYPED_TEST_P(ExecutorSuite, ShutdownRunsWhatWasSubmitted) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(this->executor.submit(same, i));
  this->executor.shutdown();
  for (auto& future : futures) EXPECT_TRUE(future.done());
  this->executor.shutdown();
  EXPECT_THROW((void)this->executor.submit(same, 1), RuntimeError);
  EXPECT_THROW((void)this->executor.map(same, std::vector{1}), RuntimeError);
}

TYPED_TEST_P(ExecutorSuite, ShutdownBeforeAnyTask) {
  this->executor.shutdown();
  EXPECT_THROW((void)this->executor.submit(same, 1), RuntimeError);
}

TYPED_TEST_P(ExecutorSuite, ShutdownCanCancelWhatHasNotBegun) {
  auto owned = this->make(1);
  Gate begun, gate;
  auto first = owned->submit(begin_and_hold, begun.name(), gate.name());
  begun.pass();
  std::vector<Future<int>> rest;
  for (int i = 0; i < 1000; ++i) rest.push_back(owned->submit(same, i));
  owned->shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(rest.back().cancelled());
  gate.pass();
  EXPECT_EQ(first.result(), 1);
  EXPECT_EQ(wait(rest).done.size(), rest.size());
  owned->shutdown();
}

TYPED_TEST_P(ExecutorSuite, ShutdownWithoutWaitingReturnsAtOnce) {
  Gate gate;
  auto future = this->executor.submit(hold, gate.name(), 1);
  this->executor.shutdown({.wait = false});
  EXPECT_FALSE(future.done());
  gate.pass();
  EXPECT_EQ(future.result(), 1);
}

TYPED_TEST_P(ExecutorSuite, DestructionWaitsForTheTasks) {
  std::vector<Future<int>> futures;
  {
    auto owned = this->make(2);
    for (int i = 0; i < 100; ++i) futures.push_back(owned->submit(same, i));
  }
  for (auto& future : futures) EXPECT_TRUE(future.done());
}

TYPED_TEST_P(ExecutorSuite, FuturesOutliveTheirExecutor) {
  Future<std::string> future;
  {
    auto owned = this->make(1);
    future = owned->submit(shout, "late");
  }
  EXPECT_EQ(future.result(), "late!");
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorSuite, SubmitGivesTheResult, ArgumentsAreValuesOfTheParametersTypes,
                            ExceptionsKeepTypeAndMessage, WorkersSurviveExceptionsOfAnyType,
                            ManyTasksEachGetTheirOwnResult, CallbacksAreToldTheOutcome, CallbacksMaySubmit,
                            CallbacksMayShutDown, TimeoutsLeaveTheTaskRunning, WhatHasNotBegunCanBeCancelled,
                            MapKeepsTheOrderAndStopsAtTheShortest, MapMovesOutOfRangesThatYieldRvalues,
                            MapTakesTheElementsAsTheyWere, MapOfNothingIsEmpty, MapOverNoRangesIsEmpty,
                            MapInChunksGivesTheSame, MapOfEveryKindOfResult, MapRaisesAnErrorWhenItsTurnComes,
                            MapOfAnEndlessRange, MapPullsNoMoreThanItsBuffer, MapTakesWhatIsDoneWhileItSubmits,
                            MapThrowsAnErrorThatCameWhileItSubmittedInItsTurn, MapRefusesAnEmptyBuffer, MapTimesOut,
                            WaitForTheFirstThenForAll, WaitForTheFirstException, AsCompletedYieldsEachOnce,
                            AsCompletedIsInTheOrderOfCompletion, FuturesOfSeveralExecutorsTogether,
                            ShutdownRunsWhatWasSubmitted, ShutdownBeforeAnyTask, ShutdownCanCancelWhatHasNotBegun,
                            ShutdownWithoutWaitingReturnsAtOnce, DestructionWaitsForTheTasks,
                            FuturesOutliveTheirExecutor);

}  // namespace plait::futures
