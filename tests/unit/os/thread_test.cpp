// SPDX-License-Identifier: Apache-2.0
#include "os/thread.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace plait::os {
namespace {

TEST(Thread, IsCountedWhileItLives) {
  const int before = thread_count();
  std::latch counted(1);
  std::thread thread([&] { counted.wait(); });
  EXPECT_EQ(thread_count(), before + 1);
  counted.count_down();
  thread.join();
}

TEST(Thread, NameIsCutAtFifteenCharacters) {
  std::thread([] {
    set_thread_name("plait-forkserver");
    EXPECT_EQ(thread_name(), "plait-forkserve");
  }).join();
}

}  // namespace
}  // namespace plait::os
