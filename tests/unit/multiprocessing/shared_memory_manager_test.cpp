// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/futures.hpp"
#include "plait/multiprocessing/managers.hpp"
#include "shared_memory_fixture.hpp"
#include "support/in_child.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

using managers::SharedMemoryManager;

TEST_F(Memory, ManagerUnlinksAllThatItMade) {
  SharedMemoryManager manager;
  manager.start();
  const SharedMemory memory = manager.SharedMemory(100);
  const ShareableList list = manager.ShareableList({1, "x"}), from_range = manager.ShareableList(std::vector{1.5, 2.5});
  EXPECT_EQ(memory.size(), 100U);
  EXPECT_EQ(list.get<std::string>(1), "x");
  EXPECT_EQ(from_range.size(), 2U);
  for (const std::string& name : {memory.name(), list.shm().name(), from_range.shm().name()}) EXPECT_TRUE(exists(name));
  manager.shutdown();
  for (const std::string& name : {memory.name(), list.shm().name(), from_range.shm().name()})
    EXPECT_FALSE(exists(name));
  memory.buf()[99] = std::byte{1};  // is still there for those who have it
  EXPECT_EQ(list.get<std::int64_t>(0), 1);
  manager.shutdown();
}

TEST_F(Memory, ManagerEndsWithItsScope) {
  std::string name;
  {
    SharedMemoryManager manager;
    manager.start();
    SharedMemoryManager moved = std::move(manager);
    name = moved.SharedMemory(1).name();
    EXPECT_TRUE(exists(name));
    EXPECT_THROW(static_cast<void>(manager.SharedMemory(1)),
                 AssertionError);  // NOLINT(bugprone-use-after-move): tested
    EXPECT_THROW(manager.start(), AssertionError);
    manager.shutdown();
    EXPECT_TRUE(exists(name));
  }
  EXPECT_FALSE(exists(name));
}

TEST_F(Memory, ManagerAssignedToEndsWhatItWas) {
  SharedMemoryManager a, b;
  a.start();
  b.start();
  const std::string first = a.SharedMemory(1).name(), second = b.SharedMemory(1).name();
  a = std::move(b);
  EXPECT_FALSE(exists(first));
  EXPECT_TRUE(exists(second));
}

TEST_F(Memory, ManagerThatIsNotStarted) {
  SharedMemoryManager manager;
  EXPECT_THROW(static_cast<void>(manager.SharedMemory(1)), AssertionError);
  EXPECT_THROW(static_cast<void>(manager.ShareableList({1})), AssertionError);
  manager.shutdown();  // is nothing: it can be started yet
  manager.start();
  EXPECT_THROW(manager.start(), ProcessError);
  manager.shutdown();
  EXPECT_THROW(static_cast<void>(manager.SharedMemory(1)), AssertionError);
  EXPECT_THROW(manager.start(), ProcessError);
}

TEST_F(Memory, ManagerPassesBadArgumentsOn) {
  SharedMemoryManager manager;
  manager.start();
  EXPECT_THROW(static_cast<void>(manager.SharedMemory(0)), ValueError);
  EXPECT_THROW(static_cast<void>(manager.ShareableList({std::string(10'000'000, 'x')})), ValueError);
}

TEST_F(Memory, ManagerLeavesAloneWhatIsNotItsOwn) {
  SharedMemoryManager manager;
  manager.start();
  const SharedMemory gone = manager.SharedMemory(1), replaced = manager.SharedMemory(1);
  gone.unlink();
  replaced.unlink();
  const SharedMemory other({.name = replaced.name(), .create = true, .size = 1});
  manager.shutdown();
  EXPECT_TRUE(exists(other.name()));
  other.unlink();
}

TEST_F(Memory, ManagerUsedByManyThreads) {
  SharedMemoryManager manager;
  manager.start();
  std::vector<std::vector<std::string>> names(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : names) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) mine.push_back(manager.SharedMemory(1).name());
      });
    }
  }
  manager.shutdown();
  for (const auto& theirs : names) {
    for (const std::string& name : theirs) EXPECT_FALSE(exists(name));
  }
}

// Those who come too late are told, and leave nothing.
TEST_F(Memory, ManagerShutDownWhileOthersUseIt) {
  for (int round = 0; round < 20; ++round) {
    SharedMemoryManager manager;
    manager.start();
    std::vector<std::string> names;
    std::jthread user([&] {
      try {
        for (;;) names.push_back(manager.SharedMemory(1).name());
      } catch (const AssertionError&) {
      }
    });
    manager.shutdown();
    user.join();
    for (const std::string& name : names) EXPECT_FALSE(exists(name));
  }
}

TEST_F(Memory, ManagerInAForkedCopyDoesNothing) {
  std::optional<SharedMemoryManager> manager(std::in_place);
  manager->start();
  const SharedMemory memory = manager->SharedMemory(1);
  EXPECT_TRUE(tests::holds_in_child([&] {
    try {
      static_cast<void>(manager->SharedMemory(1));
      return false;
    } catch (const AssertionError&) {
    }
    manager->shutdown();
    manager.reset();
    return true;
  }));
  EXPECT_TRUE(exists(memory.name()));
}

std::size_t length_of(const ShareableList& list) { return list.size(); }

TEST_F(Memory, WhatAManagerMadeTravels) {
  SharedMemoryManager manager;
  manager.start();
  futures::ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit(length_of, manager.ShareableList({1, 2, 3})).result(), 3U);
}

}  // namespace
}  // namespace plait::multiprocessing::shared_memory
