// SPDX-License-Identifier: Apache-2.0
#include "shm/process_table.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace plait::shm {
namespace {

// Processes that only the table knows. What this process adopts from `dead`; itself: of those that it watches already.
std::vector<Orphan> adopt(OwnerId dead, OwnerId process) {
  std::vector<Orphan> orphans = adopt_children(dead);
  std::erase_if(orphans, [process](const Orphan& orphan) { return orphan.process != process; });
  return orphans;
}

TEST(ProcessTable, BeginsOnceAfterItWasAnnounced) {
  const OwnerId process = Heap::get().new_owner();
  EXPECT_FALSE(begin_process(process));
  announce_process(process);
  EXPECT_TRUE(begin_process(process));
  EXPECT_FALSE(begin_process(process));
  remove_process(process);
  EXPECT_FALSE(begin_process(process));
  remove_process(process);
}

TEST(ProcessTable, OneThatWasOnlyAnnouncedNeverBegins) {
  const OwnerId process = Heap::get().new_owner();
  announce_process(process);
  const auto orphans = adopt(Heap::get().self(), process);
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0].pid, 0);
  EXPECT_FALSE(begin_process(process));
  EXPECT_EQ(adopt(Heap::get().self(), process).size(), 1U) << "until it is removed";
  remove_process(process);
  EXPECT_TRUE(adopt(Heap::get().self(), process).empty());
}

TEST(ProcessTable, TellsWhatItTakesToWatchOneThatLives) {
  const OwnerId process = Heap::get().new_owner();
  announce_process(process);
  const os::SinceBoot before = os::since_boot();
  ASSERT_TRUE(begin_process(process));
  const auto orphans = adopt(Heap::get().self(), process);
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0].pid, ::getpid());
  EXPECT_GE(orphans[0].begun, before);
  EXPECT_LE(orphans[0].begun, os::since_boot());
  EXPECT_TRUE(adopt(Heap::get().new_owner(), process).empty()) << "the child of somebody else";
  remove_process(process);
}

TEST(ProcessTable, HasRoomForMany) {
  std::set<OwnerId> processes;
  for (int i = 0; i < 1'000; ++i) {
    processes.insert(Heap::get().new_owner());
    announce_process(*processes.rbegin());
  }
  for (const Orphan& orphan : adopt_children(Heap::get().self())) {
    processes.erase(orphan.process);
    remove_process(orphan.process);
  }
  EXPECT_TRUE(processes.empty());
}

}  // namespace
}  // namespace plait::shm
