// SPDX-License-Identifier: Apache-2.0
#include "conformance/pool_suite.hpp"
#include "plait/threading/thread.hpp"

namespace plait::multiprocessing {
namespace {

struct Threads {
  using Pool = multiprocessing::ThreadPool;
  static ThreadPoolOptions options() { return {}; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolSuite, testing::Types<Threads>);

// ---- what only threads can do

using OnThreads = PoolSuite<Threads>;

TEST_F(OnThreads, FunctionsMayCaptureAndResultsMayBeMoveOnly) {
  int k = 3;
  EXPECT_EQ(pool.apply([&k](int x) { return x * k; }, 2), 6);
  EXPECT_THAT(pool.map([&k](int x) { return x * k; }, std::vector{1, 2}), ElementsAre(3, 6));
  auto boxed = pool.map([](int x) { return std::make_unique<int>(x); }, std::vector{1, 2});
  EXPECT_EQ(*boxed.at(1), 2);
  auto box = pool.apply_async(
      {.callback = [](const std::unique_ptr<int>& x) { EXPECT_EQ(*x, 5); }}, [](std::unique_ptr<int> x) { return x; },
      std::make_unique<int>(5));
  EXPECT_EQ(*std::move(box).get(), 5);
  for (auto& each : pool.imap([](int x) { return std::make_unique<int>(x); }, std::vector{7})) EXPECT_EQ(*each, 7);
  EXPECT_THAT(pool.map([](const int& x) -> const int& { return x; }, std::vector{1, 2}), ElementsAre(1, 2));
}

TEST_F(OnThreads, TasksMayWaitForTheirOwnPool) {
  ThreadPool one(1);
  EXPECT_EQ(one.apply([&] { return one.apply(square, 3) + 1; }), 10);
  EXPECT_THAT(one.apply([&] { return one.map({.chunksize = 1}, square, std::vector{1, 2, 3}); }), ElementsAre(1, 4, 9));
  EXPECT_THAT(one.apply([&] { return one.map_async(square, std::vector{1, 2}).get(); }), ElementsAre(1, 4));
  EXPECT_EQ(one.apply([&] {
    int sum = 0;
    for (int x : one.imap(square, std::vector{1, 2, 3})) sum += x;
    for (int x : one.imap_unordered(square, std::vector{1, 2, 3})) sum += x;
    return sum;
  }),
            28);
}

TEST_F(OnThreads, ThreadsAreCalledAfterThePool) {
  EXPECT_THAT(pool.apply([] {
    char name[16];
    ::pthread_getname_np(::pthread_self(), name, sizeof(name));
    return std::string(name);
  }),
              testing::StartsWith("ThreadPool-"));
  EXPECT_THAT(pool.apply([] { return threading::current_thread().name(); }), testing::StartsWith("ThreadPool-"));
}

}  // namespace
}  // namespace plait::multiprocessing
