// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/wait.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace plait::futures {
namespace {

using namespace std::chrono_literals;
using Futures = std::vector<Future<int>>;

Future<int> finished(int value) {
  Future<int> future;
  future.set_result(value);
  return future;
}
Future<int> failed() {
  Future<int> future;
  future.set_exception(std::runtime_error("failed"));
  return future;
}

TEST(Wait, EmptyInputReturnsAtOnce) {
  for (const ReturnWhen when : {FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED}) {
    auto [done, not_done] = wait({.return_when = when}, Futures());
    EXPECT_TRUE(done.empty());
    EXPECT_TRUE(not_done.empty());
  }
}

TEST(Wait, ForAll) {
  Futures futures(3);
  std::jthread settler([futures]() mutable {
    for (auto& future : futures) future.set_result(1);
  });
  auto [done, not_done] = wait(futures);
  EXPECT_EQ(done, futures);
  EXPECT_TRUE(not_done.empty());
}

TEST(Wait, ForTheFirst) {
  Futures futures(3);
  std::jthread settler([future = futures[1]]() mutable { future.set_result(1); });
  auto [done, not_done] = wait({.return_when = FIRST_COMPLETED}, futures);
  EXPECT_EQ(done, Futures{futures[1]});
  EXPECT_EQ(not_done, (Futures{futures[0], futures[2]}));
}

TEST(Wait, ForTheFirstExceptionPassesOverResultsAndCancelled) {
  Futures futures(4);
  std::jthread settler([futures]() mutable {
    futures[0].set_result(1);
    futures[1].cancel();
    futures[1].set_running_or_notify_cancel();
    futures[2].set_exception(std::runtime_error("x"));
  });
  auto [done, not_done] = wait({.return_when = FIRST_EXCEPTION}, futures);
  EXPECT_EQ(done, (Futures{futures[0], futures[1], futures[2]}));
  EXPECT_EQ(not_done, Futures{futures[3]});
}

TEST(Wait, ForAnExceptionThatNeverComesWaitsForAll) {
  auto [done, not_done] = wait({.return_when = FIRST_EXCEPTION}, Futures{finished(1), finished(2)});
  EXPECT_EQ(done.size(), 2U);
}

TEST(Wait, AnExceptionThatIsThereAlreadyIsEnough) {
  auto [done, not_done] = wait({.return_when = FIRST_EXCEPTION}, Futures{Future<int>(), failed()});
  EXPECT_EQ(done.size(), 1U);
}

TEST(Wait, TimeoutIsNoError) {
  auto [done, not_done] = wait({.timeout = 1ms}, Futures{finished(1), Future<int>()});
  EXPECT_EQ(done.size(), 1U);
  EXPECT_EQ(not_done.size(), 1U);
  EXPECT_EQ(wait({.timeout = 0s}, Futures(2)).not_done.size(), 2U);
}

TEST(Wait, DuplicatesCollapse) {
  const auto one = finished(1);
  EXPECT_EQ(wait(Futures{one, one, one}).done.size(), 1U);
  EXPECT_EQ(wait({.timeout = 0s}, std::vector{Future<int>()}).not_done.size(), 1U);
}

TEST(Wait, CancelledButUnnoticedIsNotDone) {
  Futures futures(1);
  futures[0].cancel();
  EXPECT_EQ(wait({.timeout = 1ms}, futures).not_done.size(), 1U);
  futures[0].set_running_or_notify_cancel();
  EXPECT_EQ(wait(futures).done.size(), 1U);
}

TEST(Wait, UnknownModeThrows) {
  EXPECT_THROW((void)wait({.return_when = static_cast<ReturnWhen>(9)}, Futures(1)), ValueError);
}

TEST(Wait, TakesAnyRangeOfAnyFutures) {
  std::list<Future<void>> futures(2);
  for (auto& future : futures) future.set_result();
  EXPECT_EQ(wait(futures).done.size(), 2U);
  EXPECT_EQ(wait(futures | std::views::take(1)).done.size(), 1U);
}

TEST(Wait, LeavesNothingBehindInUnsettledFutures) {
  Futures futures(2);
  for (int i = 0; i < 100; ++i) (void)wait({.timeout = 0s}, futures);
  futures[0].set_result(1);
  futures[1].set_result(1);
  EXPECT_EQ(wait(futures).done.size(), 2U);
}

TEST(Wait, WhileManyThreadsSettleAndWait) {
  for (int round = 0; round < 200; ++round) {
    Futures futures(20);
    std::vector<std::jthread> threads;
    for (std::size_t part = 0; part < 2; ++part) {
      threads.emplace_back([futures, part]() mutable {
        for (std::size_t i = part; i < futures.size(); i += 2) futures[i].set_result(1);
      });
      threads.emplace_back([futures] { EXPECT_EQ(wait(futures).done.size(), futures.size()); });
    }
    EXPECT_FALSE(wait({.return_when = FIRST_COMPLETED}, futures).done.empty());
  }
}

TEST(AsCompleted, EmptyInputYieldsNothing) {
  for ([[maybe_unused]] auto& future : as_completed(Futures())) FAIL();
}

TEST(AsCompleted, FinishedOnesFirstThenAsTheyCome) {
  Futures futures{Future<int>(), finished(1), Future<int>(), finished(3)};
  std::vector<int> order;
  for (auto& future : as_completed(futures)) {
    order.push_back(future.result());
    if (order.size() == 2) futures[2].set_result(2);
    if (order.size() == 3) futures[0].set_result(0);
  }
  EXPECT_EQ(order, (std::vector{1, 3, 2, 0}));
}

TEST(AsCompleted, DuplicatesOnce) {
  const auto one = finished(1);
  int yielded = 0;
  for ([[maybe_unused]] auto& future : as_completed(Futures{one, one})) ++yielded;
  EXPECT_EQ(yielded, 1);
}

TEST(AsCompleted, TimeoutSaysHowManyAreUnfinished) {
  int yielded = 0;
  try {
    for ([[maybe_unused]] auto& future :
         as_completed({.timeout = 1ms}, Futures{Future<int>(), finished(1), Future<int>()})) {
      ++yielded;
    }
    FAIL() << "no TimeoutError";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "2 (of 3) futures unfinished");
  }
  EXPECT_EQ(yielded, 1);
}

TEST(AsCompleted, ZeroTimeoutStillYieldsWhatIsDone) {
  int yielded = 0;
  for ([[maybe_unused]] auto& future : as_completed({.timeout = 0s}, Futures{finished(1), finished(2)})) ++yielded;
  EXPECT_EQ(yielded, 2);
}

TEST(AsCompleted, YieldsCancelledOnceNoticed) {
  Futures futures(1);
  futures[0].cancel();
  EXPECT_THROW((void)as_completed({.timeout = 1ms}, futures).begin(), TimeoutError);
  futures[0].set_running_or_notify_cancel();
  for (auto& future : as_completed(futures)) EXPECT_TRUE(future.cancelled());
}

TEST(AsCompleted, KeepsNoFutureThatItHasYielded) {
  using Text = std::shared_ptr<std::string>;
  std::vector<Future<Text>> futures(2);
  for (auto& future : futures) future.set_result(std::make_shared<std::string>("big"));
  auto completed = as_completed(futures);
  futures.clear();
  auto at = completed.begin();
  const std::weak_ptr<std::string> first = at->result();
  ++at;
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(*at->result(), "big");
}

TEST(AsCompleted, MayBeAbandonedHalfway) {
  Futures futures{finished(1), Future<int>()};
  for ([[maybe_unused]] auto& future : as_completed(futures)) break;
  futures[1].set_result(2);
}

TEST(AsCompleted, WhileOthersSettle) {
  for (int round = 0; round < 200; ++round) {
    Futures futures(20);
    std::jthread settler([futures]() mutable {
      for (auto& future : futures) future.set_result(1);
    });
    int sum = 0;
    for (auto& future : as_completed(futures)) sum += future.result();
    EXPECT_EQ(sum, 20);
  }
}

}  // namespace
}  // namespace plait::futures
