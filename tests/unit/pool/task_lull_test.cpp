// SPDX-License-Identifier: Apache-2.0
#include "pool/task_lull.hpp"

#include <gtest/gtest.h>

namespace plait::pool {
namespace {

class TaskLulls : public testing::Test {
 protected:
  // So many times an empty lane, after `tasks` for each 250 ns of the last lull.
  void wait(int times, double tasks_per_step) {
    for (int i = 0; i < times; ++i) {
      const double steps = static_cast<double>(lull_.length() / TaskLull::least);
      run(static_cast<int>(tasks_per_step * steps));
      lull_.wait([] { return false; });
    }
  }
  void run(int tasks) {
    for (int i = 0; i < tasks; ++i) lull_.count_task();
  }
  TaskLull lull_;
};

TEST_F(TaskLulls, GrowInADenseStreamAndShrinkInAThinOne) {
  wait(4, 2);
  EXPECT_EQ(lull_.length(), 8 * TaskLull::least);
  wait(3, 3);
  EXPECT_EQ(lull_.length(), TaskLull::most);
  wait(3, 1);
  EXPECT_EQ(lull_.length(), TaskLull::most) << "neither dense nor thin";
  wait(2, 0.5);
  EXPECT_EQ(lull_.length(), TaskLull::most / 4);
}

TEST_F(TaskLulls, GrowNoMoreWhenEnoughComes) {
  wait(20, 40);
  EXPECT_EQ(lull_.length(), 4 * TaskLull::least) << "160 tasks are enough";
}

TEST_F(TaskLulls, AreSkippedWhereTasksComeOneByOne) {
  int lulls = 0;
  constexpr int tasks = 100'000;
  for (int i = 0; i < tasks; ++i) {
    run(1);
    bool is_lull = false;
    lull_.wait([&] {
      is_lull = true;
      return false;
    });
    if (is_lull) ++lulls;
  }
  EXPECT_GT(lulls, tasks / static_cast<int>(TaskLull::most_skipped + 1)) << "it goes on trying";
  EXPECT_LT(lulls, tasks / static_cast<int>(TaskLull::most_skipped) + 20);
  EXPECT_EQ(lull_.length(), TaskLull::least);
}

TEST_F(TaskLulls, OneThatIsCutShortTellsNothing) {
  wait(3, 2);
  run(16);
  lull_.wait([] { return true; });
  const auto before = lull_.length();
  EXPECT_GT(before, TaskLull::least);
  lull_.wait([] { return false; });  // though there was no task since
  EXPECT_EQ(lull_.length(), before);
  EXPECT_EQ(lull_.skips(), 0U);
}

}  // namespace
}  // namespace plait::pool
