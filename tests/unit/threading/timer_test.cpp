// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/timer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <semaphore>
#include <stop_token>
#include <string>
#include <vector>

#include "plait/errors.hpp"
#include "plait/threading/excepthook.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

void spam(std::vector<std::string>& calls, const std::string& text) { calls.push_back(text); }

TEST(Timer, CallsTheFunctionAfterTheInterval) {
  std::vector<std::string> calls;
  Timer timer(10ms, spam, std::ref(calls), "hello");
  EXPECT_FALSE(timer.finished().is_set());
  const auto begin = Clock::now();
  timer.start();
  timer.finished().wait();
  EXPECT_GE(Clock::now() - begin, 10ms);
  timer.join();
  EXPECT_EQ(calls, std::vector<std::string>{"hello"});
}

TEST(Timer, TheIntervalBeginsWithStart) {
  Event fired;
  Timer timer(10ms, [&] { fired.set(); });
  EXPECT_FALSE(fired.wait(20ms));
  timer.start();
  EXPECT_TRUE(fired.wait());
  timer.join();
}

TEST(Timer, ZeroAndLessIsAtOnce) {
  for (const auto interval : {0s, -1s}) {
    Event fired;
    Timer timer(interval, [&] { fired.set(); });
    timer.start();
    timer.join();
    EXPECT_TRUE(fired.is_set());
  }
}

TEST(Timer, IsAThread) {
  Timer timer({.name = "alarm", .daemon = true}, 1h, [] {});
  EXPECT_EQ(timer.name(), "alarm");
  EXPECT_TRUE(timer.daemon());
  EXPECT_THROW(timer.join(), RuntimeError);
  timer.start();
  EXPECT_THROW(timer.start(), RuntimeError);
  EXPECT_TRUE(timer.is_alive());
  timer.cancel();
  timer.join();
  EXPECT_FALSE(timer.is_alive());
  std::vector<std::string> calls;
  EXPECT_TRUE(Timer(1s, spam, std::ref(calls), "x").name().ends_with(" (spam)"));
}

TEST(Timer, CancelKeepsItFromFiring) {
  bool fired = false;
  Timer timer(1h, [&] { fired = true; });
  timer.start();
  timer.cancel();
  timer.join();
  EXPECT_FALSE(fired);
  EXPECT_TRUE(timer.finished().is_set());
}

TEST(Timer, CancelBeforeStart) {
  bool fired = false;
  Timer timer(0s, [&] { fired = true; });
  timer.cancel();
  timer.start();
  timer.join();
  EXPECT_FALSE(fired);
}

TEST(Timer, CancelAfterItHasFiredHasNoEffect) {
  std::binary_semaphore running(0), go(0);
  int count = 0;
  Timer timer(0s, [&] {
    running.release();
    go.acquire();
    ++count;
  });
  timer.start();
  running.acquire();
  timer.cancel();
  EXPECT_TRUE(timer.is_alive());
  go.release();
  timer.join();
  timer.cancel();
  EXPECT_EQ(count, 1);
}

TEST(Timer, AStopRequestCancels) {
  bool fired = false;
  Timer timer(1h, [&] { fired = true; });
  timer.start();
  timer.request_stop();
  timer.finished().wait();
  timer.join();
  EXPECT_FALSE(fired);
}

TEST(Timer, DestroyingItCancels) {
  bool fired = false;
  {
    Timer timer(1h, [&] { fired = true; });
    timer.start();
  }
  EXPECT_FALSE(fired);
}

TEST(Timer, HeldBySharedPtrFires) {
  Event fired;
  std::make_shared<Timer>(1ms, [&] { fired.set(); })->start();
  fired.wait();
}

TEST(Timer, TheFunctionGetsTheStopToken) {
  bool stopped = false;
  Event running;
  {
    Timer timer(0s, [&](const std::stop_token& stop) {
      running.set();
      Event never;
      never.wait(stop);
      stopped = stop.stop_requested();
    });
    timer.start();
    running.wait();
  }
  EXPECT_TRUE(stopped);
}

TEST(Timer, MovesWhileItRuns) {
  Event fired;
  Timer timer(1ms, [&] { fired.set(); });
  timer.start();
  Timer other = std::move(timer);
  other.join();
  EXPECT_TRUE(fired.is_set());
  EXPECT_TRUE(other.finished().is_set());
  EXPECT_THROW(timer.cancel(), RuntimeError);  // NOLINT(bugprone-use-after-move)
}

TEST(Timer, IsFinishedAfterAnException) {
  std::atomic<int> reports = 0;
  excepthook = [&](const ExceptHookArgs&) { ++reports; };
  Timer timer(0s, [] { throw ValueError("in a timer"); });
  timer.start();
  timer.join();
  excepthook = nullptr;
  EXPECT_TRUE(timer.finished().is_set());
  EXPECT_EQ(reports, 1);
}

TEST(Timer, NotANumberThrows) {
  const std::chrono::duration<double> interval(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(Timer(interval, [] {}), ValueError);
}

// CPython's test_init_immutable_default_args: timers have nothing in common.
TEST(Timer, EachHasItsOwnArguments) {
  std::vector<std::string> a, b;
  Timer first(0s, spam, std::ref(a), "a"), second(0s, spam, std::ref(b), "b");
  for (Timer* timer : {&first, &second}) {
    timer->start();
    timer->join();
  }
  EXPECT_EQ(a, std::vector<std::string>{"a"});
  EXPECT_EQ(b, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace plait::threading
