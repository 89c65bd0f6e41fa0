// SPDX-License-Identifier: Apache-2.0
#include "shm/size_class.hpp"

#include <gtest/gtest.h>

namespace plait::shm {
namespace {

TEST(SizeClass, HoldsEverySizeAndIsTheSmallestThatDoes) {
  for (std::size_t size = 0; size <= largest_small_block; ++size) {
    const SizeClass size_class = size_class_of(size);
    ASSERT_LT(size_class, size_class_count) << size;
    ASSERT_GE(block_size_of(size_class), size);
    if (size_class > 0) {
      ASSERT_LT(block_size_of(size_class - 1), size);
    }
  }
}

TEST(SizeClass, WastesAtMostAFifth) {
  for (SizeClass c = 1; c < size_class_count; ++c) {
    ASSERT_EQ(block_size_of(c) % block_alignment, 0U);
    ASSERT_LE(block_size_of(c) - block_size_of(c - 1), std::max<std::size_t>(64, block_size_of(c) / 5)) << c;
  }
}

TEST(SizeClass, BlockIndexIsTheQuotient) {
  for (SizeClass c = 0; c < size_class_count; ++c) {
    for (std::size_t offset = 0; offset < chunk_size; offset += 64) {
      ASSERT_EQ(block_index_of(offset, c), offset / block_size_of(c)) << offset << " in class " << c;
      ASSERT_EQ(block_index_of(offset + 63, c), (offset + 63) / block_size_of(c));
    }
  }
}

}  // namespace
}  // namespace plait::shm
