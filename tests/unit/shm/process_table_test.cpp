// SPDX-License-Identifier: Apache-2.0
#include "shm/process_table.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <vector>

namespace plait::shm {
namespace {

// Processes that only the table knows.
std::vector<Orphan> adopt_all(OwnerId dead, OwnerId watcher) {
  std::vector<Orphan> orphans;
  while (const auto orphan = adopt_child(dead, watcher)) orphans.push_back(*orphan);
  return orphans;
}

TEST(ProcessTable, BeginsOnceAfterItWasAnnounced) {
  const OwnerId process = Heap::get().new_owner();
  EXPECT_FALSE(begin_process(process));
  announce_process(process, Heap::get().self());
  EXPECT_TRUE(begin_process(process));
  EXPECT_FALSE(begin_process(process));
  remove_process(process);
  EXPECT_FALSE(begin_process(process));
  remove_process(process);
}

TEST(ProcessTable, OneThatWasOnlyAnnouncedNeverBegins) {
  const OwnerId process = Heap::get().new_owner(), maker = Heap::get().new_owner(), heir = Heap::get().new_owner();
  announce_process(process, maker);
  const auto orphans = adopt_all(maker, heir);
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0].process, process);
  EXPECT_EQ(orphans[0].pid, 0);
  EXPECT_FALSE(begin_process(process));
  EXPECT_EQ(adopt_all(heir, maker).size(), 1U) << "until it is removed";
  remove_process(process);
  EXPECT_TRUE(adopt_all(maker, heir).empty());
}

TEST(ProcessTable, TellsWhatItTakesToWatchOneThatLives) {
  const OwnerId process = Heap::get().new_owner(), maker = Heap::get().new_owner(), heir = Heap::get().new_owner();
  announce_process(process, maker);
  const os::SinceBoot before = os::since_boot();
  ASSERT_TRUE(begin_process(process));
  EXPECT_TRUE(adopt_all(heir, maker).empty()) << "the child of somebody else";
  const auto orphans = adopt_all(maker, heir);
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0].pid, ::getpid());
  EXPECT_GE(orphans[0].begun, before);
  EXPECT_LE(orphans[0].begun, os::since_boot());
  remove_process(process);
}

TEST(ProcessTable, HasRoomForMany) {
  const OwnerId maker = Heap::get().new_owner();
  std::set<OwnerId> processes;
  for (int i = 0; i < 1'000; ++i) {
    processes.insert(Heap::get().new_owner());
    announce_process(*processes.rbegin(), maker);
  }
  for (const Orphan& orphan : adopt_all(maker, Heap::get().self())) {
    processes.erase(orphan.process);
    remove_process(orphan.process);
  }
  EXPECT_TRUE(processes.empty());
}

}  // namespace
}  // namespace plait::shm
