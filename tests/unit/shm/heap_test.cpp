// SPDX-License-Identifier: Apache-2.0
#include "shm/heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "unit/shm/child.hpp"
#include "unit/shm/pattern.hpp"

namespace plait::shm {
namespace {

using namespace tests;

TEST(Heap, BlocksAreAlignedDisjointAndKeepTheirContent) {
  Heap heap(gib);
  std::mt19937_64 random(test_seed());
  std::vector<void*> blocks;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size = random_size(random);
    void* const block = heap.allocate(size);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0U);
    Pattern::write(block, size, random());
    blocks.push_back(block);
    if (random() % 3 == 0) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      ASSERT_TRUE(Pattern::intact(blocks.back()));
      heap.deallocate(blocks.back());
      blocks.pop_back();
    }
  }
  for (void* block : blocks) {
    EXPECT_TRUE(Pattern::intact(block));
    heap.deallocate(block);
  }
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(Heap, SizeZeroGivesDistinctBlocks) {
  Heap heap(64 * mib);
  std::set<void*> blocks;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(blocks.insert(heap.allocate(0)).second);
  EXPECT_FALSE(blocks.contains(nullptr));
  for (void* block : blocks) heap.deallocate(block);
  heap.deallocate(nullptr);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(Heap, OffsetsAreFromTheBase) {
  Heap heap(64 * mib);
  void* const block = heap.allocate(100);
  EXPECT_NE(heap.offset_of(block), 0U);
  EXPECT_EQ(heap.at(heap.offset_of(block)), block);
  EXPECT_EQ(static_cast<std::byte*>(block) - static_cast<std::byte*>(heap.base()),
            static_cast<std::ptrdiff_t>(heap.offset_of(block)));
  heap.deallocate(block);
}

TEST(Heap, ContainsBlockKnowsLiveBlocksOnly) {
  Heap heap(64 * mib);
  void* const small = heap.allocate(200);  // in a block of 256
  const Offset at = heap.offset_of(small);
  EXPECT_TRUE(heap.contains_block(at, 0));
  EXPECT_TRUE(heap.contains_block(at, 200));
  EXPECT_TRUE(heap.contains_block(at + 100, 100));
  EXPECT_FALSE(heap.contains_block(at, 257));
  EXPECT_FALSE(heap.contains_block(at + 200, 57));
  EXPECT_FALSE(heap.contains_block(at, ~std::size_t{0}));
  EXPECT_TRUE(heap.contains_block(at, 200, Heap::root));
  EXPECT_FALSE(heap.contains_block(at, 200, 7));

  void* const large = heap.allocate(3 * mib + 1);
  const Offset run = heap.offset_of(large);
  EXPECT_TRUE(heap.contains_block(run, 3 * mib + 1));
  EXPECT_TRUE(heap.contains_block(run + 2 * mib, mib + 1));
  EXPECT_FALSE(heap.contains_block(run, 3 * mib + 4 * kib + 1));
  EXPECT_FALSE(heap.contains_block(run + 3 * mib + 4 * kib, 1));
  EXPECT_FALSE(heap.contains_block(run + 1, ~std::size_t{0}));
  EXPECT_TRUE(heap.contains_block(run, mib, Heap::root));
  EXPECT_FALSE(heap.contains_block(run, mib, 7));

  heap.deallocate(small);
  heap.deallocate(large);
  heap.trim();
  EXPECT_FALSE(heap.contains_block(at, 1));
  EXPECT_FALSE(heap.contains_block(run, 1));
}

TEST(Heap, NonsenseNeitherCrashesNorFreesAnything) {
  Heap heap(256 * mib);
  void* const small = heap.allocate(1000);
  void* const large = heap.allocate(5 * mib);
  const std::size_t in_use = heap.bytes_in_use();
  std::mt19937_64 random(test_seed());
  for (int i = 0; i < 200'000; ++i) {
    const Offset offset = (i % 2 == 0 ? random() : random() % (2 * heap.size())) | 1;  // no block begins there
    static_cast<void>(heap.contains_block(offset, random() % mib));
    heap.deallocate(heap.at(offset));
    heap.adopt(heap.at(offset));
  }
  heap.deallocate(static_cast<std::byte*>(small) + 64);
  heap.deallocate(static_cast<std::byte*>(large) + mib);
  int local = 0;
  heap.deallocate(&local);
  EXPECT_EQ(heap.bytes_in_use(), in_use);
  heap.deallocate(small);
  heap.deallocate(small);
  heap.deallocate(large);
  heap.deallocate(large);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(Heap, ExhaustionThrowsAndEverythingWorksAgainAfterwards) {
  Heap heap(64 * mib);
  for (const std::size_t size : {std::size_t{64}, 3 * kib, 200 * kib, mib, 7 * mib}) {
    for (int round = 0; round < 2; ++round) {
      std::vector<void*> blocks;
      const auto fill = [&] {
        for (;;) blocks.push_back(heap.allocate(size));
      };
      EXPECT_THROW(fill(), OutOfSharedMemory);
      EXPECT_GT(blocks.size() * size, 40 * mib) << size;
      std::ranges::shuffle(blocks, std::mt19937_64(test_seed()));
      for (void* block : blocks) heap.deallocate(block);
      EXPECT_EQ(heap.bytes_in_use(), 0U);
    }
  }
  EXPECT_THROW(static_cast<void>(heap.allocate(65 * mib)), OutOfSharedMemory);
  EXPECT_THROW(static_cast<void>(heap.allocate(~std::size_t{0})), OutOfSharedMemory);
  EXPECT_THROW(static_cast<void>(heap.allocate(~std::size_t{0} / 2)), OutOfSharedMemory);
}

TEST(Heap, OutOfSharedMemoryNamesTheSize) {
  Heap heap(64 * mib);
  try {
    static_cast<void>(heap.allocate(123'456'789));
    FAIL();
  } catch (const OutOfSharedMemory& error) {
    EXPECT_NE(std::string(error.what()).find("123456789"), std::string::npos) << error.what();
  }
}

TEST(Heap, BlocksAbove4GiB) {
#ifdef PLAIT_TESTS_TSAN
  GTEST_SKIP() << "the reservation is small under ThreadSanitizer";
#endif
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  std::size_t available = 0;
  while (meminfo >> word && word != "MemAvailable:") {
  }
  meminfo >> available;
  if (available * kib < 8 * gib) GTEST_SKIP() << "not enough memory here";

  Heap heap(16 * gib);
  const std::size_t size = 4 * gib + 123;
  auto* const block = static_cast<char*>(heap.allocate(size));
  EXPECT_TRUE(heap.contains_block(heap.offset_of(block), size));
  for (const std::size_t at : {std::size_t{0}, 2 * gib, 4 * gib - 1, 4 * gib, size - 1}) block[at] = 'x';
  EXPECT_GE(heap.bytes_committed(), size);
  void* const other = heap.allocate(mib);
  EXPECT_TRUE(other < block || other >= block + size);
  heap.deallocate(block);
  EXPECT_LT(heap.bytes_committed(), 4 * mib) << "more than the cache may keep goes back at once";
  heap.deallocate(other);
}

TEST(Heap, FreedPagesAreKeptForTheNextAndReturnedByTrim) {
  Heap heap(gib);
  auto* const first = static_cast<char*>(heap.allocate(64 * mib));
  std::memset(first, 1, 64 * mib);
  heap.deallocate(first);
  const std::size_t kept = heap.bytes_committed();
  EXPECT_GE(kept, 64 * mib);
  void* const again = heap.allocate(64 * mib);
  EXPECT_EQ(again, first);
  EXPECT_EQ(heap.bytes_committed(), kept);
  heap.deallocate(again);

  std::vector<void*> small;
  for (int i = 0; i < 10'000; ++i) small.push_back(heap.allocate(1000));
  for (void* block : small) heap.deallocate(block);
  heap.trim();
  EXPECT_LT(heap.bytes_committed(), mib);
}

TEST(Heap, KeepsNoMoreThanItsLimit) {
  Heap heap(4 * gib);
  std::vector<void*> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(heap.allocate(64 * mib));
  for (void* block : blocks) heap.deallocate(block);
  EXPECT_LE(heap.bytes_committed(), 513 * mib);
  EXPECT_GE(heap.bytes_committed(), 448 * mib);
}

TEST(Heap, EmptyChunksOfSmallBlocksServeOthers) {
  Heap heap(64 * mib);
  for (const std::size_t size : {64U, 1000U, 30'000U, 200'000U, 777'777U, 5'000'000U, 40'000'000U}) {
    std::vector<void*> blocks;
    for (std::size_t total = 0; total + size < 42 * mib; total += size) blocks.push_back(heap.allocate(size));
    for (void* block : blocks) heap.deallocate(block);
  }
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(Heap, ThreadsFreeEachOthersBlocks) {
  Heap heap(gib);
  constexpr std::size_t boxes = 64;
  std::vector<std::atomic<void*>> mailbox(boxes);
  std::atomic<int> damaged{0};
  const auto work = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
#ifdef PLAIT_TESTS_TSAN
    constexpr int rounds = 5'000;
#else
    constexpr int rounds = 50'000;
#endif
    for (int i = 0; i < rounds; ++i) {
      const std::size_t size = random_size(random);
      void* const block = heap.allocate(size);
      Pattern::write(block, size, random());
      if (void* const other = mailbox[random() % boxes].exchange(block, std::memory_order_acq_rel)) {
        if (!Pattern::intact(other)) ++damaged;
        heap.deallocate(other);
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) threads.emplace_back(work, test_seed() + i);
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& box : mailbox) heap.deallocate(box.load());
  EXPECT_EQ(damaged, 0);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

}  // namespace
}  // namespace plait::shm
