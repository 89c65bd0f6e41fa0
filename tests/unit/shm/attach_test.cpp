// SPDX-License-Identifier: Apache-2.0
//
// A fresh image enters the heap of its parent. A program of its own: here nothing may have made a heap before.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <system_error>

#include "shm/heap.hpp"
#include "unit/shm/child.hpp"

namespace plait::shm {
namespace {

using namespace tests;

TEST(HeapAttach, MapsTheFamilysHeapAtItsPlace) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(std::size_t{1} << 30);
  auto* const block = static_cast<char*>(heap.allocate(1000));
  std::strcpy(block, "from the parent");
  const OwnerId owner = heap.new_owner();
  const int status = wait_for(fork_child([&] {
    const int fd = heap.fd();
    void* const base = heap.base();
    const std::size_t size = heap.size();
    munmap(base, size);  // as a fresh image: only the descriptor is inherited
    Heap::attach(fd, base, size, owner);
    Heap& mine = Heap::get();
    if (mine.base() != base || mine.size() != size || mine.fd() != fd) return 1;
    if (std::strcmp(block, "from the parent") != 0) return 2;
    const Offset reply = mine.offset_of(mine.allocate(1000));
    if (!mine.contains_block(reply, 1000, owner)) return 3;
    std::memcpy(block, &reply, sizeof reply);
    std::strcpy(static_cast<char*>(mine.at(reply)), "from the child");
    try {
      Heap::attach(fd, base, size, owner);
    } catch (const RuntimeError&) {
      return 0;
    }
    return 4;
  }));
  ASSERT_TRUE(exited_with(status, 0));
  Offset reply = 0;
  std::memcpy(&reply, block, sizeof reply);
  EXPECT_STREQ(static_cast<char*>(heap.at(reply)), "from the child");
  heap.deallocate(heap.at(reply));
  heap.reclaim(owner);
  heap.deallocate(block);
  EXPECT_EQ(heap.bytes_in_use(), 0U);
}

TEST(HeapAttach, ThrowsWhereSomethingIsMappedAlready) {
  Heap heap(std::size_t{1} << 30);
  EXPECT_THROW(Heap::attach(heap.fd(), heap.base(), heap.size(), 7), std::system_error);
}

}  // namespace
}  // namespace plait::shm
