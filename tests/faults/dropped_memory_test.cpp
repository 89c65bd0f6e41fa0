// SPDX-License-Identifier: Apache-2.0
// Shared objects that are made, and handles that arrive, when there is no memory for what a process notes of them: no
// reference is given back twice, and none is lost.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "shared_objects.hpp"

namespace {

// Of this thread: how many allocations still succeed before one fails; less than 0: all.
thread_local long allocations_left = -1;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace plait::faults {
namespace {

// Calls f, of which the first, second, … allocation fails, until all succeed. Returns how many failed.
template <class F, class After>
int fail_each_allocation(F f, After after) {
  for (int failures = 0;; ++failures) {
    bool has_failed = false;
    allocations_left = failures;
    try {
      f();
    } catch (const std::bad_alloc&) {
      has_failed = true;
    }
    allocations_left = -1;
    after();
    if (!has_failed || testing::Test::HasFailure()) return failures;
  }
}

TEST(FaultDroppedOfMemory, ObjectsThatReferToALock) {
  const mp::RLock lock;
  const std::size_t before = bytes_in_use();
  const auto is_as_before = [&] {
    EXPECT_EQ(bytes_in_use(), before);
    lock.acquire();
    lock.release();
  };
  EXPECT_GT(fail_each_allocation([&] { const mp::Condition condition(lock); }, is_as_before), 0);
  EXPECT_GT(
      fail_each_allocation([&] { const mp::Value<int> value(mp::SharedOptions{.lock = &lock}, 1); }, is_as_before), 0);
  EXPECT_GT(fail_each_allocation([&] { const mp::Queue<int> queue; }, is_as_before), 0);
}

TEST(FaultDroppedOfMemory, HandlesThatArrive) {
  const mp::Queue<mp::Lock> queue;
  const std::size_t before = bytes_in_use();
  const auto get = [&] { static_cast<void>(queue.get()); };
  const auto put = [&] { queue.put(mp::Lock()); };
  put();
  EXPECT_GT(fail_each_allocation(get,
                                 [&] {
                                   EXPECT_EQ(bytes_in_use(), before);
                                   put();
                                 }),
            0);
}

}  // namespace
}  // namespace plait::faults
