// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/future.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

namespace plait::futures {
namespace {

using namespace std::chrono_literals;

Future<int> running() {
  Future<int> future;
  future.set_running_or_notify_cancel();
  return future;
}
Future<int> finished(int value = 42) {
  Future<int> future;
  future.set_result(value);
  return future;
}
Future<int> failed() {
  Future<int> future;
  future.set_exception(std::out_of_range("gone"));
  return future;
}
Future<int> cancelled() {
  Future<int> future;
  future.cancel();
  return future;
}
Future<int> cancelled_and_notified() {
  Future<int> future = cancelled();
  future.set_running_or_notify_cancel();
  return future;
}

TEST(Future, CancelWorksUntilItRuns) {
  EXPECT_TRUE(Future<int>().cancel());
  EXPECT_FALSE(running().cancel());
  EXPECT_FALSE(finished().cancel());
  EXPECT_FALSE(failed().cancel());
  EXPECT_TRUE(cancelled().cancel());
  EXPECT_TRUE(cancelled_and_notified().cancel());
}

TEST(Future, StatesAreAsInPython) {
  EXPECT_FALSE(Future<int>().done());
  EXPECT_FALSE(Future<int>().running());
  EXPECT_TRUE(running().running());
  EXPECT_FALSE(running().done());
  EXPECT_TRUE(finished().done());
  EXPECT_TRUE(failed().done());
  EXPECT_FALSE(failed().cancelled());
  EXPECT_TRUE(cancelled().cancelled());
  EXPECT_TRUE(cancelled().done());
  EXPECT_TRUE(cancelled_and_notified().cancelled());
  EXPECT_FALSE(cancelled().running());
}

TEST(Future, ResultOfEachState) {
  EXPECT_EQ(finished().result(), 42);
  EXPECT_THROW(failed().result(), std::out_of_range);
  EXPECT_THROW(cancelled().result(), CancelledError);
  EXPECT_THROW(cancelled_and_notified().result(), CancelledError);
  EXPECT_THROW(Future<int>().result(0s), TimeoutError);
  EXPECT_THROW(running().result(1ms), TimeoutError);
  EXPECT_THROW(running().result(-1s), TimeoutError);
}

TEST(Future, ExceptionOfEachState) {
  EXPECT_EQ(finished().exception(), nullptr);
  EXPECT_THROW(std::rethrow_exception(failed().exception()), std::out_of_range);
  EXPECT_THROW((void)cancelled().exception(), CancelledError);
  EXPECT_THROW((void)running().exception(0s), TimeoutError);
}

TEST(Future, WaiterSleepsUntilTheResult) {
  Future<int> future;
  std::jthread settler([future]() mutable { future.set_result(5); });
  EXPECT_EQ(future.result(), 5);
  EXPECT_EQ(future.result(10s), 5);
}

TEST(Future, WaiterIsWokenByCancel) {
  Future<int> future;
  std::jthread canceller([future]() mutable { future.cancel(); });
  EXPECT_THROW(future.result(), CancelledError);
}

TEST(Future, SettlingTwiceThrows) {
  for (Future<int> future : {finished(), failed(), cancelled(), cancelled_and_notified()}) {
    EXPECT_THROW(future.set_result(1), InvalidStateError);
    EXPECT_THROW(future.set_exception(std::runtime_error("")), InvalidStateError);
  }
  EXPECT_THROW(Future<int>().set_exception(std::exception_ptr()), ValueError);
}

TEST(Future, SetRunningTellsWhetherItWasCancelled) {
  Future<int> future;
  EXPECT_TRUE(future.set_running_or_notify_cancel());
  EXPECT_FALSE(cancelled().set_running_or_notify_cancel());
  EXPECT_THROW(running().set_running_or_notify_cancel(), RuntimeError);
  EXPECT_THROW(finished().set_running_or_notify_cancel(), RuntimeError);
  EXPECT_THROW(cancelled_and_notified().set_running_or_notify_cancel(), RuntimeError);
}

TEST(Future, CallbacksRunInTheOrderAdded) {
  Future<int> future;
  std::vector<int> calls;
  for (int i = 0; i < 3; ++i)
    future.add_done_callback([&calls, i](Future<int>& done) { calls.push_back(done.result() + i); });
  EXPECT_TRUE(calls.empty());
  future.set_result(10);
  EXPECT_EQ(calls, (std::vector{10, 11, 12}));
}

TEST(Future, CallbackIsGivenThisFuture) {
  Future<int> future;
  bool same = false;
  future.add_done_callback([&](Future<int>& given) { same = given == future; });
  future.set_exception(std::runtime_error("x"));
  EXPECT_TRUE(same);
}

TEST(Future, CallbackRunsAtOnceWhenDone) {
  for (Future<int> future : {finished(), failed(), cancelled(), cancelled_and_notified()}) {
    bool called = false;
    future.add_done_callback([&](Future<int>&) { called = true; });
    EXPECT_TRUE(called);
  }
}

TEST(Future, CancelRunsCallbacksOnce) {
  Future<int> future;
  int calls = 0;
  future.add_done_callback([&](Future<int>&) { ++calls; });
  future.cancel();
  future.cancel();
  future.set_running_or_notify_cancel();
  EXPECT_EQ(calls, 1);
}

TEST(Future, ThrowingCallbackIsReportedAndTheRestRun) {
  Future<int> future;
  bool called = false;
  future.add_done_callback([](Future<int>&) { throw std::runtime_error("callback is broken"); });
  future.add_done_callback([](Future<int>&) { throw 5; });
  future.add_done_callback([&](Future<int>&) { called = true; });
  testing::internal::CaptureStderr();
  future.set_result(1);
  const std::string reported = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(called);
  EXPECT_NE(reported.find("callback is broken"), std::string::npos);
  EXPECT_NE(reported.find("not a std::exception"), std::string::npos);
}

TEST(Future, CallbackMayAddCallbacksAndAskForTheResult) {
  Future<int> future;
  int value = 0;
  future.add_done_callback(
      [&](Future<int>& done) { done.add_done_callback([&](Future<int>& again) { value = again.result(); }); });
  future.set_result(3);
  EXPECT_EQ(value, 3);
}

TEST(Future, CallbackMayDropTheLastHandle) {
  auto future = std::make_unique<Future<int>>();
  future->add_done_callback([&](Future<int>&) { future.reset(); });
  future->set_result(3);
  EXPECT_EQ(future, nullptr);
}

TEST(Future, CallbackMayBeMoveOnly) {
  Future<int> future;
  int seen = 0;
  future.add_done_callback([&seen, one = std::make_unique<int>(1)](Future<int>& done) { seen = done.result() + *one; });
  future.set_result(1);
  EXPECT_EQ(seen, 2);
}

TEST(Future, DroppedWithManyCallbacksPending) {
  Future<int> future;
  for (int i = 0; i < 200'000; ++i) future.add_done_callback([](Future<int>&) {});
}

TEST(Future, OfVoid) {
  Future<void> future;
  future.set_result();
  future.result();
  EXPECT_EQ(future.exception(), nullptr);
}

TEST(Future, OfReference) {
  int value = 1;
  Future<int&> future;
  future.set_result(value);
  future.result() = 2;
  EXPECT_EQ(value, 2);
  EXPECT_EQ(&std::move(future).result(), &value);
}

TEST(Future, OfMoveOnly) {
  Future<std::unique_ptr<int>> future;
  future.set_result(std::make_unique<int>(9));
  EXPECT_EQ(*future.result(), 9);
  const std::unique_ptr<int> taken = std::move(future).result();
  EXPECT_EQ(*taken, 9);
}

struct ThrowsWhenMade {
  explicit ThrowsWhenMade(int value) {
    if (value < 0) throw std::domain_error("negative");
  }
};

TEST(Future, StaysPendingWhenTheValueCannotBeMade) {
  Future<ThrowsWhenMade> future;
  EXPECT_THROW(future.set_result(-1), std::domain_error);
  EXPECT_FALSE(future.done());
  future.set_result(1);
  EXPECT_TRUE(future.done());
}

TEST(Future, ComparesAndHashesByIdentity) {
  const Future<int> a, b, copy = a;
  EXPECT_EQ(a, copy);
  EXPECT_NE(a, b);
  EXPECT_EQ((std::unordered_set<Future<int>>{a, b, copy}.size()), 2U);
}

TEST(Future, CopiesShareTheOutcome) {
  Future<std::string> a;
  const Future<std::string> b = a;
  a.set_result("x");
  EXPECT_EQ(&a.result(), &b.result());
}

}  // namespace
}  // namespace plait::futures
