// SPDX-License-Identifier: Apache-2.0
// Memory that is exhausted, at every allocation, and memory that is given back.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "plait/queue.hpp"

namespace {

// Which allocation of this thread fails; 0: none.
thread_local int failing_allocation = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (failing_allocation > 0 && --failing_allocation == 0) throw std::bad_alloc();
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace plait::queue {
namespace {

template <class Q>
class QueueMemory : public testing::Test {
 protected:
  static typename Q::value_type make(int number) {
    if constexpr (std::is_same_v<typename Q::value_type, int>) {
      return number;
    } else {
      return std::to_string(1'000'000 + number);
    }
  }
};
using Queues = testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>, SimpleQueue<int>, Queue<std::string>,
                              LifoQueue<std::string>, PriorityQueue<std::string>, SimpleQueue<std::string>>;
TYPED_TEST_SUITE(QueueMemory, Queues);

TYPED_TEST(QueueMemory, PutThatFindsNoneChangesNothing) {
  TypeParam queue;
  int failures = 0;
  for (int i = 0; i < 2'000; ++i) {
    for (int allocation = 1;; ++allocation) {
      auto item = this->make(i);
      bool failed = false;
      failing_allocation = allocation;
      try {
        queue.put(std::move(item));
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      failing_allocation = 0;
      if (!failed) break;
      ++failures;
      ASSERT_EQ(queue.qsize(), static_cast<std::size_t>(i));
      ASSERT_EQ(item, this->make(i)) << "it is still the caller's";
    }
  }
  EXPECT_GT(failures, 0);
  for (int i = 0; i < 2'000; ++i) {
    const int number = std::is_same_v<TypeParam, LifoQueue<typename TypeParam::value_type>> ? 1'999 - i : i;
    ASSERT_EQ(queue.get(), this->make(number));
  }
}

template <class Q>
class QueueBurst : public testing::Test {};
using BurstQueues = testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>, SimpleQueue<int>>;
TYPED_TEST_SUITE(QueueBurst, BurstQueues);

TYPED_TEST(QueueBurst, IsForgotten) {
  TypeParam queue;
  const auto in_use = [] {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;  // 0 under a sanitizer
  };
  const std::size_t before = in_use();
  for (int i = 0; i < 100'000; ++i) queue.put(i);
  const std::size_t most = in_use();
  EXPECT_GE(most, before);
  for (int i = 0; i < 100'000; ++i) static_cast<void>(queue.get());
  EXPECT_LE(in_use(), before + 16'384);
}

}  // namespace
}  // namespace plait::queue
