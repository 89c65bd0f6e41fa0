// SPDX-License-Identifier: Apache-2.0
// What map does beyond the conformance suite: laziness, lifetimes, and callables that only threads can run.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "plait/futures/thread_pool_executor.hpp"

namespace plait::futures {
namespace {

using namespace std::chrono_literals;

class Map : public testing::Test {
 protected:
  ThreadPoolExecutor pool{2};
};

TEST_F(Map, TakesCapturesAndReturnsMoveOnly) {
  int factor = 3;
  int sum = 0;
  for (auto& product : pool.map([&](int x) { return std::make_unique<int>(x * factor); }, std::vector{1, 2})) {
    sum += *product;
  }
  EXPECT_EQ(sum, 9);
}

TEST_F(Map, YieldsReferencesOfCallablesThatReturnThem) {
  std::vector<int> values{1, 2};
  for (int& value : pool.map([](int* p) -> int& { return *p; }, std::vector{&values[0], &values[1]})) value *= 10;
  EXPECT_EQ(values, (std::vector{10, 20}));
}

TEST_F(Map, MovesOutOfRangesThatYieldRvalues) {
  auto made = std::views::iota(1, 3) | std::views::transform([](int i) { return std::make_unique<int>(i); });
  EXPECT_EQ(pool.map([](std::unique_ptr<int> p) { return *p; }, made).list(), (std::vector{1, 2}));
}

TEST_F(Map, ReadsSinglePassRanges) {
  std::istringstream words("1 2 3");
  EXPECT_EQ(pool.map([](int x) { return -x; }, std::views::istream<int>(words)).list(), (std::vector{-1, -2, -3}));
}

TEST_F(Map, KeepsTemporaryRangesWhileItIsLazy) {
  auto results = pool.map(
      {.buffersize = 1}, [](const std::string& s) { return s.size(); }, std::vector<std::string>{"a", "bb", "ccc"});
  EXPECT_EQ(results.list(), (std::vector<std::size_t>{1, 2, 3}));
}

// Counts what was pulled out of an endless range.
auto counted(std::atomic<int>& pulled) {
  return std::views::iota(0) | std::views::transform([&pulled](int i) {
           ++pulled;
           return i;
         });
}
int same(int x) { return x; }

TEST_F(Map, OfConstResults) {
  const auto shout = [](int x) -> const std::string { return std::to_string(x) + "!"; };
  EXPECT_EQ(pool.map(shout, std::views::iota(1, 3)).list(), (std::vector<std::string>{"1!", "2!"}));
}

// A copy may throw, in the thread that takes results.
struct Fragile {
  explicit Fragile(int number) : value(number) {}
  Fragile(const Fragile& other) : value(other.value) {
    if (value == 7 && breaks) throw std::domain_error("7 breaks");
  }
  Fragile& operator=(const Fragile&) = default;
  int value;
  static inline thread_local bool breaks = false;
};

TEST_F(Map, ResultsThatCannotBeTakenThrowInTheirTurn) {
  ThreadPoolExecutor single(1);
  Fragile::breaks = true;
  auto numbers = std::views::iota(0, 100) | std::views::transform([&](int i) {
                   if (i == 50) single.submit([] {}).result();  // those before are done
                   return i;
                 });
  auto results = single.map([](int x) { return Fragile(x); }, numbers);
  std::vector<int> values;
  const auto iterate = [&] {
    for (const Fragile& result : results) values.push_back(result.value);
  };
  EXPECT_THROW(iterate(), std::domain_error);
  EXPECT_EQ(values, (std::vector{0, 1, 2, 3, 4, 5, 6}));
  Fragile::breaks = false;
}

TEST_F(Map, PullsNoMoreThanTheBuffer) {
  std::atomic<int> pulled{0};
  auto results = pool.map({.buffersize = 3}, same, counted(pulled));
  EXPECT_EQ(pulled, 3);
  int taken = 0;
  for (int value : results) {
    EXPECT_EQ(value, taken);
    ++taken;
    EXPECT_EQ(pulled, taken + 3);
    if (taken == 10) break;
  }
}

TEST_F(Map, PullsADefaultBufferOfAnEndlessRange) {
  std::atomic<int> pulled{0};
  auto results = pool.map(same, counted(pulled));
  EXPECT_EQ(pulled, Executor::default_buffersize);
}

TEST_F(Map, SubmitsAllOfASizedRangeAtOnce) {
  std::atomic<int> calls{0};
  {
    auto results = pool.map([&](int) { ++calls; }, std::views::iota(0, 5000));
    pool.shutdown();
    EXPECT_EQ(calls, 5000);
    results.list();
  }
}

TEST_F(Map, DroppingCancelsTheRest) {
  std::latch go(1);
  std::atomic<int> calls{0};
  {
    auto results = pool.map(
        [&](int) {
          go.wait();
          ++calls;
        },
        std::views::iota(0, 100));
  }
  go.count_down();
  pool.shutdown();
  EXPECT_LE(calls, 2);
}

TEST_F(Map, AnErrorEndsItAndCancelsTheRest) {
  std::latch go(1);
  std::atomic<int> calls{0};
  auto results = pool.map(
      [&](int x) {
        if (x == 0) throw std::out_of_range("zero");
        go.wait();
        ++calls;
      },
      std::views::iota(0, 100));
  EXPECT_THROW(results.begin(), std::out_of_range);
  EXPECT_TRUE(results.begin() == results.end());
  go.count_down();
  pool.shutdown();
  EXPECT_LE(calls, 2);
}

TEST_F(Map, TimeoutCountsFromTheCall) {
  std::latch go(1);
  auto results = pool.map(
      {.timeout = 1ms}, [&](int x) { return go.wait(), x; }, std::vector{1});
  EXPECT_THROW(results.begin(), TimeoutError);
  go.count_down();
  pool.shutdown();  // the task may still use the latch
}

TEST_F(Map, ThreadsIgnoreChunksize) {
  EXPECT_EQ(pool.map({.chunksize = 0}, same, std::vector{1, 2}).list(), (std::vector{1, 2}));
}

TEST_F(Map, LazyOneFailsWhenTheExecutorIsShutDown) {
  auto results = pool.map({.buffersize = 1}, same, std::views::iota(0));
  pool.shutdown();
  EXPECT_THROW(results.begin(), RuntimeError);
}

TEST_F(Map, AnErrorOfTheInputEndsIt) {
  auto bad =
      std::views::iota(0) | std::views::transform([](int i) { return i < 2 ? i : throw std::domain_error("input"); });
  EXPECT_THROW((void)pool.map({.buffersize = 5}, same, bad), std::domain_error);
  auto lazy = pool.map({.buffersize = 1}, same, bad);
  auto it = lazy.begin();
  EXPECT_EQ(*it, 0);
  EXPECT_THROW(++it, std::domain_error);
}

}  // namespace
}  // namespace plait::futures
