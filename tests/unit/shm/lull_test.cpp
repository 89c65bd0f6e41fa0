// SPDX-License-Identifier: Apache-2.0
#include "shm/lull.hpp"

#include <gtest/gtest.h>

namespace plait::shm {
namespace {

using namespace std::chrono_literals;

class Lulls : public testing::Test {
 protected:
  // So many waits, after each of which there are `items` for each 200 ns of it.
  void wait(int times, double items, std::uint64_t maxsize = 0, const void* queue = nullptr) {
    for (int i = 0; i < times; ++i) {
      const double steps = static_cast<double>(lull_.length() / Lull::least);
      lull_.wait(queue, maxsize, {}, [&] { return static_cast<std::uint64_t>(items * steps); });
    }
  }
  Lull lull_;
};

TEST_F(Lulls, GrowInADenseStreamAndShrinkInAThinOne) {
  EXPECT_EQ(lull_.length(), Lull::least);
  wait(3, 1);
  EXPECT_EQ(lull_.length(), 8 * Lull::least);
  wait(10, 1.5);
  EXPECT_EQ(lull_.length(), Lull::most);
  wait(3, 0.6);
  EXPECT_EQ(lull_.length(), Lull::most) << "neither dense nor thin";
  wait(2, 0.4);
  EXPECT_EQ(lull_.length(), Lull::most / 4);
  wait(10, 0);
  EXPECT_EQ(lull_.length(), Lull::least);
}

TEST_F(Lulls, GrowNoMoreWhenEnoughComes) {
  wait(20, 40);
  EXPECT_EQ(lull_.length(), 4 * Lull::least) << "160 items are enough";
}

TEST_F(Lulls, DoNotHoldUpWhoFillsABoundedQueue) {
  wait(3, 1);
  wait(1, 1, 16);
  EXPECT_EQ(lull_.length(), 16 * Lull::least) << "half full";
  wait(1, 1, 16);
  EXPECT_EQ(lull_.length(), 8 * Lull::least) << "full";
  const auto before = lull_.length();
  wait(10, 1, Lull::least_maxsize - 1);
  EXPECT_EQ(lull_.length(), before) << "there are none in small ones";
}

TEST_F(Lulls, AreOfOneQueue) {
  wait(4, 1);
  const int other = 0;
  wait(1, 0, 0, &other);
  EXPECT_EQ(lull_.length(), Lull::least);
}

TEST_F(Lulls, EndWithTheDeadline) {
  wait(10, 1.5);
  ASSERT_EQ(lull_.length(), Lull::most);
  const auto now = Lull::Clock::now();
  EXPECT_EQ(lull_.end(now, {}), now + Lull::most);
  EXPECT_EQ(lull_.end(now, now + 1s), now + Lull::most);
  EXPECT_EQ(lull_.end(now, now + 1us), now + 1us);
  lull_.wait(nullptr, 0, now, [] { return 100; });
  EXPECT_EQ(lull_.length(), Lull::most);
}

}  // namespace
}  // namespace plait::shm
