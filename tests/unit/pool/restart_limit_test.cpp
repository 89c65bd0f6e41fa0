// SPDX-License-Identifier: Apache-2.0
#include "pool/restart_limit.hpp"

#include <gtest/gtest.h>

namespace plait::pool {
namespace {

using namespace std::chrono_literals;

class RestartLimitTest : public testing::Test {
 protected:
  const RestartLimit::Clock::time_point begin_ = RestartLimit::Clock::now();
  RestartLimit limit_{3, 5s};
};

TEST_F(RestartLimitTest, DeathsUpToTheLimitAreAllowed) {
  for (int death = 0; death < 3; ++death) EXPECT_FALSE(limit_.exceeded_by_death_at(begin_ + death * 1ms));
}

TEST_F(RestartLimitTest, OneMoreWithinThePeriodExceedsIt) {
  for (int death = 0; death < 3; ++death) static_cast<void>(limit_.exceeded_by_death_at(begin_));
  EXPECT_TRUE(limit_.exceeded_by_death_at(begin_ + 5s));
}

TEST_F(RestartLimitTest, DeathsOlderThanThePeriodAreForgotten) {
  for (int death = 0; death < 3; ++death) static_cast<void>(limit_.exceeded_by_death_at(begin_));
  EXPECT_FALSE(limit_.exceeded_by_death_at(begin_ + 5s + 1ns));
}

TEST_F(RestartLimitTest, ALimitOfNoneAllowsNone) {
  RestartLimit none(0, 5s);
  EXPECT_TRUE(none.exceeded_by_death_at(begin_));
}

}  // namespace
}  // namespace plait::pool
