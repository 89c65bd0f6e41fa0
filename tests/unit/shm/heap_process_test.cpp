// SPDX-License-Identifier: Apache-2.0
//
// The heap between processes: blocks that go back and forth, deaths, forks, limits.

#include "shm/heap.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <new>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include "unit/shm/child.hpp"
#include "unit/shm/pattern.hpp"

namespace plait::shm {
namespace {

using namespace tests;

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
