// SPDX-License-Identifier: Apache-2.0
#include "plait/deadline.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "plait/errors.hpp"

namespace plait {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(Deadline, DefaultIsNever) {
  EXPECT_TRUE(Deadline().is_never());
  EXPECT_FALSE(Deadline().expired());
  EXPECT_EQ(Deadline(), Deadline::never());
  EXPECT_EQ(Deadline().remaining(), Clock::duration::max());
}

TEST(Deadline, DurationCountsFromNow) {
  const auto before = Clock::now();
  const Deadline deadline = 1h;
  EXPECT_GE(deadline.time(), before + 1h);
  EXPECT_LE(deadline.time(), Clock::now() + 1h);
  EXPECT_GT(deadline.remaining(), 59min);
}

TEST(Deadline, ZeroAndNegativeAreDueAlready) {
  for (const Deadline deadline : {Deadline(0s), Deadline(-1ns), Deadline(-1h), Deadline(std::chrono::hours::min())}) {
    EXPECT_TRUE(deadline.expired());
    EXPECT_EQ(deadline.remaining(), 0ns);
  }
}

TEST(Deadline, NegativeIsRemembered) {
  EXPECT_TRUE(Deadline(-1ns).is_negative());
  EXPECT_TRUE(Deadline(std::chrono::duration<double>(-std::numeric_limits<double>::infinity())).is_negative());
  EXPECT_FALSE(Deadline(0s).is_negative());
  EXPECT_FALSE(Deadline(Clock::now() - 1h).is_negative());
  EXPECT_FALSE(Deadline(Clock::time_point::min()).is_negative());
  EXPECT_FALSE(Deadline(std::chrono::system_clock::now() - 1h).is_negative()) << "a time point is no timeout";
  EXPECT_FALSE(Deadline().is_negative());
}

TEST(Deadline, TooLongIsNever) {
  EXPECT_TRUE(Deadline(std::chrono::hours::max()).is_never());
  EXPECT_TRUE(Deadline(std::chrono::nanoseconds::max()).is_never());
  EXPECT_TRUE(Deadline(std::chrono::duration<double>(std::numeric_limits<double>::infinity())).is_never());
}

TEST(Deadline, TimePointsBeyondTheClockAreNeverOrPast) {
  using std::chrono::time_point;
  EXPECT_TRUE(Deadline(time_point<Clock, std::chrono::hours>::max()).is_never());
  EXPECT_TRUE(Deadline(time_point<Clock, std::chrono::seconds>::max()).is_never());
  EXPECT_TRUE(Deadline(time_point<Clock, std::chrono::hours>::min()).expired());
  EXPECT_TRUE(Deadline(time_point<std::chrono::system_clock, std::chrono::hours>::max()).is_never());
}

TEST(Deadline, NotANumberThrows) {
  EXPECT_THROW(Deadline(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())), ValueError);
}

TEST(Deadline, FractionsAreRoundedUp) {
  const auto before = Clock::now();
  EXPECT_GT(Deadline(std::chrono::duration<double, std::nano>(0.25)).time(), before);
}

TEST(Deadline, TimePointIsKept) {
  const auto time = Clock::now() + 5s;
  EXPECT_EQ(Deadline(time).time(), time);
  EXPECT_TRUE(Deadline(Clock::now() - 1s).expired());
  EXPECT_TRUE(Deadline(Clock::time_point::max()).is_never());
}

TEST(Deadline, WallClockTimeIsConverted) {
  const Deadline deadline = std::chrono::system_clock::now() + 1h;
  EXPECT_GT(deadline.remaining(), 59min);
  EXPECT_LE(deadline.remaining(), 1h);
  EXPECT_TRUE(Deadline(std::chrono::system_clock::now() - 1s).expired());
}

TEST(Deadline, IsOrderedByTime) {
  EXPECT_LT(Deadline(1s), Deadline(2s));
  EXPECT_LT(Deadline(1h), Deadline::never());
}

}  // namespace
}  // namespace plait
