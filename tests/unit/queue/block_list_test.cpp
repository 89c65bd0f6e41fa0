// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/block_list.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace plait::detail {
namespace {

template <class T>
T pop(BlockList<T>& list) {
  T item = std::move(list.front());
  list.pop_front();
  return item;
}

TEST(BlockList, KeepsOrderOverManyBlocks) {
  BlockList<int> list;
  for (int i = 0; i < 10'000; ++i) list.push(int{i});
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(pop(list), i);
}

TEST(BlockList, MayBeEmptiedAndFilledAtEveryPlaceOfABlock) {
  BlockList<int> list;
  for (int i = 0; i < 5'000; ++i) {
    list.push(int{i});
    ASSERT_EQ(pop(list), i);
  }
}

TEST(BlockList, DestroysWhatIsLeft) {
  const auto item = std::make_shared<int>(1);
  for (const int count : {0, 1, 127, 128, 1000}) {
    for (const int popped : {0, 1, 127, 128}) {
      {
        BlockList<std::shared_ptr<int>> list;
        for (int i = 0; i < count; ++i) list.push(std::shared_ptr(item));
        for (int i = 0; i < std::min(count, popped); ++i) pop(list);
      }
      ASSERT_EQ(item.use_count(), 1) << count << " pushed, " << popped << " popped";
    }
  }
}

TEST(BlockList, IsMovedAsAWhole) {
  BlockList<std::string> list;
  for (int i = 0; i < 300; ++i) list.push(std::to_string(i));
  pop(list);
  BlockList<std::string> other(std::move(list));
  list.push("again");  // NOLINT(bugprone-use-after-move): it is empty
  EXPECT_EQ(pop(list), "again");
  for (int i = 1; i < 300; ++i) ASSERT_EQ(pop(other), std::to_string(i));
}

TEST(BlockList, TakesLargeAndAlignedItems) {
  struct alignas(64) Large {
    std::array<char, 5'000> text;
  };
  BlockList<Large> list;
  for (char c = 'a'; c <= 'z'; ++c) {
    Large item;
    item.text.back() = c;
    list.push(std::move(item));
  }
  for (char c = 'a'; c <= 'z'; ++c) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(&list.front()) % 64, 0U);
    ASSERT_EQ(pop(list).text.back(), c);
  }
}

}  // namespace
}  // namespace plait::detail
