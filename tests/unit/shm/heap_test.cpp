// SPDX-License-Identifier: Apache-2.0
#include "shm/heap.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "unit/shm/child.hpp"

namespace plait::shm {
namespace {

using namespace tests;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;
constexpr std::size_t gib = 1024 * mib;

// Memory that all processes see.
template <class T>
class Shared {
 public:
  Shared() : object_(new(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) T{}) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { munmap(object_, sizeof(T)); }
  T* operator->() const noexcept { return object_; }

 private:
  T* object_;
};

// A block that can tell whether it was disturbed: its size and a seed, and bytes derived from that all over it.
struct Pattern {
  static constexpr std::size_t least = 2 * sizeof(std::uint64_t);

  static void write(void* block, std::size_t size, std::uint64_t seed) {
    const std::uint64_t head[2] = {size, seed};
    std::memcpy(block, head, sizeof head);
    for (std::size_t at = least; at < size; at += step(size)) static_cast<unsigned char*>(block)[at] = byte(seed, at);
  }
  static bool intact(const void* block) {
    std::uint64_t head[2];
    std::memcpy(head, block, sizeof head);
    for (std::size_t at = least; at < head[0]; at += step(head[0])) {
      if (static_cast<const unsigned char*>(block)[at] != byte(head[1], at)) return false;
    }
    return true;
  }

 private:
  static std::size_t step(std::size_t size) { return size < 1000 ? 1 : 61; }
  static unsigned char byte(std::uint64_t seed, std::size_t at) { return static_cast<unsigned char>(seed + at); }
};

// Mostly small, now and then large.
std::size_t random_size(std::mt19937_64& random) {
  const unsigned kind = static_cast<unsigned>(random() % 100);
  if (kind < 70) return Pattern::least + random() % 2000;
  if (kind < 97) return Pattern::least + random() % (200 * kib);
  return Pattern::least + random() % (3 * mib);
}

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

TEST(Heap, ChunksThatOthersEmptiedAreNotHoarded) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(64 * mib);
  for (const std::size_t size : {500U, 1000U, 2000U, 4000U, 8000U, 16'000U}) {
    std::vector<void*> blocks;
    for (std::size_t total = 0; total < 40 * mib; total += size) blocks.push_back(heap.allocate(size));
    const OwnerId owner = heap.new_owner();
    wait_for(fork_child([&] {
      heap.enter_child(owner);
      for (void* block : blocks) heap.deallocate(block);
      return 0;
    }));
    EXPECT_EQ(heap.bytes_in_use(), 0U);
  }
  EXPECT_LT(heap.bytes_committed(), 64 * mib);
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

TEST(Heap, ProcessesFreeEachOthersBlocks) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(gib);
  constexpr std::size_t boxes = 64;
  struct Mailbox {
    std::atomic<Offset> box[boxes];
  };
  Shared<Mailbox> mailbox;
  std::vector<OwnerId> owners;
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < 3; ++i) {
    owners.push_back(heap.new_owner());
    children.push_back(fork_child([&] {
      heap.enter_child(owners.back());
      std::mt19937_64 random(test_seed() * 100 + i);
      for (int n = 0; n < 50'000; ++n) {
        const std::size_t size = random_size(random);
        void* const block = heap.allocate(size);
        Pattern::write(block, size, random());
        std::atomic<Offset>& box = mailbox->box[random() % boxes];
        if (const Offset other = box.exchange(heap.offset_of(block), std::memory_order_acq_rel)) {
          if (!heap.contains_block(other, 1) || !Pattern::intact(heap.at(other))) return 1;
          heap.deallocate(heap.at(other));
        }
      }
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(exited_with(wait_for(child), 0));
  for (std::size_t i = 0; i < boxes; ++i) {
    const Offset offset = mailbox->box[i];
    if (offset == 0) continue;
    EXPECT_TRUE(Pattern::intact(heap.at(offset)));
    heap.deallocate(heap.at(offset));
  }
  for (const OwnerId owner : owners) heap.reclaim(owner);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
  heap.trim();
  EXPECT_LT(heap.bytes_committed(), 16 * mib);  // the block words of the chunks that there were
}

TEST(Heap, ReclaimFreesWhatNobodyAdopted) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(gib);
  void* const mine = heap.allocate(5000);
  Pattern::write(mine, 5000, 42);
  const std::size_t before = heap.bytes_in_use();
  struct Given {
    std::atomic<Offset> blocks[4];
  };
  Shared<Given> given;
  const std::size_t sizes[4] = {100, 5000, 5000, 3 * mib};
  const OwnerId owner = heap.new_owner();
  const pid_t child = fork_child([&] {
    heap.enter_child(owner);
    for (std::size_t i = 0; i < 4; ++i) {
      void* const block = heap.allocate(sizes[i]);
      Pattern::write(block, sizes[i], i);
      given->blocks[i] = heap.offset_of(block);
    }
    for (int i = 0; i < 1000; ++i) static_cast<void>(heap.allocate(5000));
    static_cast<void>(heap.allocate(9 * mib));
    return raise(SIGKILL);
  });
  EXPECT_TRUE(killed_by(wait_for(child), SIGKILL));
  for (const std::atomic<Offset>& block : given->blocks) heap.adopt(heap.at(block));
  heap.reclaim(owner);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(heap.contains_block(given->blocks[i], sizes[i], Heap::root));
    EXPECT_TRUE(Pattern::intact(heap.at(given->blocks[i])));
  }
  EXPECT_TRUE(Pattern::intact(mine));
  EXPECT_EQ(heap.bytes_in_use(), before + 128 + 2 * 5120 + 3 * mib);

  // What was adopted lies in ordinary chunks of ours now: full use, and no trace once freed.
  std::vector<void*> more;
  for (int i = 0; i < 1000; ++i) more.push_back(heap.allocate(5000));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(Pattern::intact(heap.at(given->blocks[i])));
  for (void* block : more) heap.deallocate(block);
  for (const std::atomic<Offset>& block : given->blocks) heap.deallocate(heap.at(block));
  EXPECT_EQ(heap.bytes_in_use(), before);
  heap.deallocate(mine);
  heap.trim();
  EXPECT_LT(heap.bytes_committed(), mib);
}

TEST(Heap, BlocksFreedAfterTheirOwnersDeathStayFree) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(gib);
  Shared<std::atomic<Offset>> given;
  const OwnerId owner = heap.new_owner();
  wait_for(fork_child([&] {
    heap.enter_child(owner);
    *given.operator->() = heap.offset_of(heap.allocate(300));
    return 0;
  }));
  void* const block = heap.at(*given.operator->());
  heap.adopt(block);
  heap.deallocate(block);
  heap.reclaim(owner);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(Heap, AForkBehindOurBackFoundsItsOwnFamily) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(gib);
  void* const small = heap.allocate(100);
  void* const large = heap.allocate(2 * mib);
  Pattern::write(small, 100, 1);
  const std::size_t in_use = heap.bytes_in_use();
  const pid_t child = fork_child([&] {
    const void* const base = heap.base();
    heap.deallocate(small);  // an inherited handle is dropped
    heap.deallocate(large);
    heap.reclaim(Heap::root);
    void* const own = heap.allocate(100);
    if (heap.base() == base || !heap.contains_block(heap.offset_of(own), 100)) return 1;
    heap.deallocate(small);
    if (heap.bytes_in_use() != 128) return 2;
    heap.deallocate(own);
    return heap.bytes_in_use() == 0 ? 0 : 3;
  });
  EXPECT_TRUE(exited_with(wait_for(child), 0));
  EXPECT_EQ(heap.bytes_in_use(), in_use);
  EXPECT_TRUE(Pattern::intact(small));
  heap.deallocate(small);
  heap.deallocate(large);
}

TEST(Heap, AForkWhileThreadsAllocateHarmsNobody) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(gib);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937_64 random(i);
      while (!stop) heap.deallocate(heap.allocate(random_size(random)));
    });
  }
  for (int i = 0; i < 200; ++i) {
    const OwnerId owner = heap.new_owner();
    const pid_t child = fork_child([&] {
      heap.enter_child(owner);
      std::mt19937_64 random(owner);
      for (int n = 0; n < 100; ++n) heap.deallocate(heap.allocate(random_size(random)));
      return 0;
    });
    ASSERT_TRUE(exited_with(wait_for(child), 0));
    heap.reclaim(owner);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

// In a child with a resource limit: 0 if a heap of at most `most` bytes could be made and used, 1 if making it threw
// std::system_error with `error`.
int try_heap_under_limit(int resource, rlim_t limit, std::size_t most, int error) {
  return wait_for(fork_child([&] {
    munmap(Heap::get().base(), Heap::get().size());  // what plait::init made does not count here
    const rlimit limits{limit, limit};
    if (setrlimit(static_cast<__rlimit_resource>(resource), &limits) != 0) return 9;
    try {
      Heap heap(std::size_t{1} << 40);
      static_cast<void>(heap.allocate(mib));
      return heap.size() <= most ? 0 : 2;
    } catch (const std::system_error& failure) {
      return failure.code().value() == error ? 1 : 3;
    }
  }));
}

TEST(Heap, MakesDoWithWhatResourceLimitsLeave) {
  SKIP_FORKS_UNDER_TSAN();
  EXPECT_TRUE(exited_with(try_heap_under_limit(RLIMIT_FSIZE, gib, gib, 0), 0));
  EXPECT_TRUE(exited_with(try_heap_under_limit(RLIMIT_FSIZE, 100 * mib, 0, EFBIG), 1));
#ifndef PLAIT_TESTS_ASAN  // whose shadow is above any limit
  EXPECT_TRUE(exited_with(try_heap_under_limit(RLIMIT_AS, 2 * gib, 2 * gib, 0), 0));
  EXPECT_TRUE(exited_with(try_heap_under_limit(RLIMIT_AS, 200 * mib, 0, ENOMEM), 1));
#endif
}

TEST(Heap, NumbersOfOwnersAreNeverGivenTwice) {
  Heap heap(64 * mib);
  EXPECT_EQ(heap.new_owner(), 2U);
  EXPECT_EQ(heap.new_owner(), 3U);
}

}  // namespace
}  // namespace plait::shm
