// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/task_memory.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <latch>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "os/sanitizer.hpp"

namespace plait::detail {
namespace {

using Block = std::pair<unsigned char*, std::size_t>;

Block make(std::size_t size) {
  auto* const memory = static_cast<unsigned char*>(allocate_task(size));
  std::memset(memory, static_cast<int>(size % 251), size);
  return {memory, size};
}

// Whether what make() wrote is still there.
bool is_whole(const Block& block) {
  for (std::size_t i = 0; i < block.second; ++i) {
    if (block.first[i] != block.second % 251) return false;
  }
  return true;
}

TEST(TaskMemory, BlocksOfAllSizesAreAlignedAndDoNotOverlap) {
  std::vector<Block> blocks;
  for (std::size_t size = 1; size < 1'000; ++size) {
    blocks.push_back(make(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().first) % alignof(std::max_align_t), 0U);
  }
  for (const Block& block : blocks) {
    EXPECT_TRUE(is_whole(block)) << block.second;
    deallocate_task(block.first);
  }
}

TEST(TaskMemory, WhatAnotherThreadFreedIsUsedAgain) {
  if (os::under_address_sanitizer) GTEST_SKIP() << "AddressSanitizer gets each block by itself";
  constexpr int count = 160;  // whole batches
  std::set<void*> blocks;
  for (int i = 0; i < count; ++i) blocks.insert(allocate_task(64));
  std::thread([&] {
    for (void* block : blocks) deallocate_task(block);
  }).join();
  std::set<void*> again;
  for (int i = 0; i < count; ++i) again.insert(allocate_task(64));
  EXPECT_EQ(again, blocks);
  for (void* block : again) deallocate_task(block);
}

TEST(TaskMemory, BlocksOutliveTheThreadThatMadeThem) {
  std::vector<Block> blocks;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) blocks.push_back(make(100));
  }).join();
  for (const Block& block : blocks) {
    EXPECT_TRUE(is_whole(block));
    deallocate_task(block.first);
  }
}

TEST(TaskMemory, BlocksCanBeFreedWhileTheirThreadEnds) {
  struct FreedLate {
    void* block = nullptr;
    ~FreedLate() { deallocate_task(block); }
  };
  for (int round = 0; round < 20; ++round) {
    std::thread([] {
      static thread_local FreedLate freed_late;  // made before the thread's home, so ended after it
      freed_late.block = allocate_task(64);
    }).join();
  }
}

// Threads make blocks and hand them on; no block is ever in two hands.
TEST(TaskMemory, ThreadsThatMakeAndFreeForOneAnother) {
  constexpr int threads = 4;
  constexpr int rounds = 30;
  constexpr std::size_t blocks_a_round = 500;
  std::vector<std::vector<Block>> made(threads);
  for (int round = 0; round < rounds; ++round) {
    std::latch all_made(threads);
    std::vector<std::thread> running;
    for (int self = 0; self < threads; ++self) {
      running.emplace_back([&, self] {
        const auto me = static_cast<std::size_t>(self);
        std::mt19937 random(static_cast<unsigned>(round * threads + self));
        std::vector<Block> mine;
        for (std::size_t i = 0; i < blocks_a_round; ++i) mine.push_back(make(1 + random() % 400));
        made[me] = std::move(mine);
        all_made.arrive_and_wait();
        for (const Block& block : made[(me + 1) % threads]) {
          ASSERT_TRUE(is_whole(block));
          deallocate_task(block.first);
        }
      });
    }
    for (std::thread& thread : running) thread.join();
  }
}

}  // namespace
}  // namespace plait::detail
