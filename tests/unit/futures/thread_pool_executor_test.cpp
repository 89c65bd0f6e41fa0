// SPDX-License-Identifier: Apache-2.0
#include "plait/futures/thread_pool_executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <fstream>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "os/thread.hpp"
#include "plait/futures/wait.hpp"
#include "plait/os.hpp"
#include "plait/threading/thread.hpp"

namespace plait::futures {
namespace {

using namespace std::chrono_literals;

TEST(ThreadPoolExecutor, RunsWhateverIsCallable) {
  ThreadPoolExecutor pool(2);
  int captured = 1;
  EXPECT_EQ(pool.submit([&] { return captured; }).result(), 1);
  EXPECT_EQ(*pool.submit([p = std::make_unique<int>(2)]() mutable { return std::move(p); }).result(), 2);
  EXPECT_EQ(pool.submit(&std::string::size, std::string("abc")).result(), 3U);
  EXPECT_EQ(pool.submit([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(4)).result(), 4);
  pool.submit([](int& x) { x = 5; }, std::ref(captured)).result();
  EXPECT_EQ(captured, 5);
  int& reference = pool.submit([&]() -> int& { return captured; }).result();
  EXPECT_EQ(&reference, &captured);
}

TEST(ThreadPoolExecutor, KeepsExceptionsOfAnyType) {
  ThreadPoolExecutor pool(1);
  EXPECT_THROW(pool.submit([] { throw 5; }).result(), int);
  EXPECT_THROW(pool.submit([] { throw std::out_of_range("x"); }).result(), std::out_of_range);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1) << "the worker lives on";
}

TEST(ThreadPoolExecutor, RefusesLessThanOneWorker) {
  EXPECT_THROW(ThreadPoolExecutor(0), ValueError);
  EXPECT_THROW(ThreadPoolExecutor({.max_workers = -1}), ValueError);
}

TEST(ThreadPoolExecutor, DefaultNumberOfWorkersFollowsTheProcessors) {
  const int expected = std::min(32, os::process_cpu_count() + 4);
  ThreadPoolExecutor pool;
  std::latch all(expected);
  std::vector<Future<void>> futures;
  for (int i = 0; i < expected; ++i) futures.push_back(pool.submit([&] { all.arrive_and_wait(); }));
  std::atomic<bool> ran{false};
  futures.push_back(pool.submit([&] { ran = true; }));
  (void)wait(futures);
  EXPECT_TRUE(ran);
}

TEST(ThreadPoolExecutor, StartsAllWorkersWhenTasksWaitForEachOther) {
  ThreadPoolExecutor pool(4);
  for (int round = 0; round < 50; ++round) {
    std::barrier<> together(4);
    std::vector<Future<void>> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(pool.submit([&] { together.arrive_and_wait(); }));
    for (auto& future : futures) future.result();
  }
}

TEST(ThreadPoolExecutor, UsesAnIdleWorkerBeforeStartingOne) {
  ThreadPoolExecutor pool(4);
  std::set<std::thread::id> threads;
  for (int i = 0; i < 200; ++i) threads.insert(pool.submit([] { return std::this_thread::get_id(); }).result());
  EXPECT_EQ(threads.size(), 1U);
}

TEST(ThreadPoolExecutor, NamesItsThreads) {
  ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "io"});
  const auto name = [] { return threading::current_thread().name(); };
  EXPECT_EQ(pool.submit(name).result(), "io_0");
  EXPECT_EQ(pool.submit(os::thread_name).result(), "io_0");
  EXPECT_THAT(ThreadPoolExecutor(1).submit(name).result(), testing::MatchesRegex("ThreadPoolExecutor-[0-9]+_0"));
  EXPECT_EQ(ThreadPoolExecutor(1).submit(os::thread_name).result(), "ThreadPoolExecu") << "the system's are short";
}

TEST(ThreadPoolExecutor, ItsThreadsAreListedWhileTheyLive) {
  const auto names = [] {
    std::set<std::string> listed;
    for (const threading::Thread& thread : threading::enumerate()) listed.insert(thread.name());
    return listed;
  };
  ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "listed"});
  std::latch both_begun(2);
  const auto meet = [&] { both_begun.arrive_and_wait(); };
  auto first = pool.submit(meet);
  pool.submit(meet).result();
  first.result();
  EXPECT_THAT(names(), testing::IsSupersetOf({"listed_0", "listed_1"}));
  EXPECT_THROW(pool.submit([] { threading::current_thread().join(); }).result(), RuntimeError);
  pool.shutdown();
  EXPECT_THAT(names(),
              testing::AllOf(testing::Not(testing::Contains("listed_0")), testing::Not(testing::Contains("listed_1"))));
}

TEST(ThreadPoolExecutor, BeginsTasksInOrder) {
  ThreadPoolExecutor pool(1);
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) (void)pool.submit([&order, i] { order.push_back(i); });
  pool.shutdown();
  EXPECT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ThreadPoolExecutor, CallablesArgumentsAndResultsKeepTheirAlignment) {
  struct alignas(128) Wide {
    bool operator()(const Wide& other) const { return aligned() && other.aligned(); }
    [[nodiscard]] bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(Wide) == 0; }
    int value = 0;
  };
  ThreadPoolExecutor pool(1);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(pool.submit(Wide(), Wide()).result());
    const auto result = pool.submit([] { return Wide(); });
    EXPECT_TRUE(result.result().aligned());
  }
}

TEST(ThreadPoolExecutor, ReleasesCallableAndArgumentsBeforeTheResult) {
  ThreadPoolExecutor pool(1);
  auto token = std::make_shared<int>();
  auto future = pool.submit([token] {});
  future.result();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(ThreadPoolExecutor, DroppedFuturesStillRun) {
  std::atomic<int> calls{0};
  {
    ThreadPoolExecutor pool(2);
    for (int i = 0; i < 1000; ++i) (void)pool.submit([&] { ++calls; });
  }
  EXPECT_EQ(calls, 1000);
}

TEST(ThreadPoolExecutor, WakesForWorkAfterSleeping) {
  ThreadPoolExecutor pool(3);
  for (int round = 0; round < 20; ++round) {
    std::barrier<> together(3);
    std::vector<Future<void>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([&] { together.arrive_and_wait(); }));
    (void)wait(futures);
    std::this_thread::sleep_for(200us);  // longer than workers spin
  }
}

// How often the thread has gone to sleep, or been made to wait.
long context_switches(pid_t thread) {
  std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
  long sum = 0;
  for (std::string word; status >> word;) {
    long count = 0;
    if (word.ends_with("ctxt_switches:") && status >> count) sum += count;
  }
  return sum;
}

TEST(ThreadPoolExecutor, IdleWorkersDoNotWakeUp) {
  ThreadPoolExecutor pool(2);
  std::barrier<> together(2);
  const auto meet = [&] { return together.arrive_and_wait(), ::gettid(); };
  std::vector futures{pool.submit(meet), pool.submit(meet)};
  std::this_thread::sleep_for(100ms);
  std::vector<long> before;
  for (auto& future : futures) before.push_back(context_switches(future.result()));
  std::this_thread::sleep_for(200ms);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    EXPECT_GT(before[i], 0);
    EXPECT_EQ(context_switches(futures[i].result()), before[i]);
  }
}

// ---- initializer

TEST(ThreadPoolInitializer, RunsInEachWorkerBeforeItsTasks) {
  static thread_local int value = 0;
  ThreadPoolExecutor pool({.max_workers = 3, .initializer = {[](int a, int b) { value = a * b; }, 6, 7}});
  std::barrier<> together(3);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([&] { return together.arrive_and_wait(), value; }));
  for (auto& future : futures) EXPECT_EQ(future.result(), 42);
}

TEST(ThreadPoolInitializer, ThatThrowsBreaksThePool) {
  std::latch go(1);
  testing::internal::CaptureStderr();
  ThreadPoolExecutor pool({.max_workers = 1, .initializer = {[&] {
                                               go.wait();
                                               throw std::runtime_error("no database");
                                             }}});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.submit([] { return 1; }));
  go.count_down();
  for (auto& future : futures) EXPECT_THROW(future.result(), BrokenThreadPool);
  EXPECT_THROW(pool.submit([] {}), BrokenThreadPool);
  pool.shutdown();
  EXPECT_THROW(pool.submit([] {}), BrokenThreadPool);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no database"), std::string::npos);
}

// ---- the end

TEST(ThreadPoolShutdown, RunsWhatWasSubmitted) {
  ThreadPoolExecutor pool(2);
  std::atomic<int> calls{0};
  for (int i = 0; i < 100; ++i) (void)pool.submit([&] { ++calls; });
  pool.shutdown();
  EXPECT_EQ(calls, 100);
  pool.shutdown();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(ThreadPoolShutdown, OfAPoolThatNeverRan) {
  ThreadPoolExecutor pool(2);
  pool.shutdown({.cancel_futures = true});
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(ThreadPoolShutdown, CancelsWhatHasNotBegun) {
  ThreadPoolExecutor pool(1);
  std::latch begun(1), go(1);
  auto first = pool.submit([&] {
    begun.count_down();
    go.wait();
  });
  std::vector<Future<void>> rest;
  for (int i = 0; i < 10; ++i) rest.push_back(pool.submit([] {}));
  begun.wait();
  pool.shutdown({.wait = false, .cancel_futures = true});
  for (auto& future : rest) EXPECT_TRUE(future.cancelled());
  EXPECT_EQ(wait(rest).done.size(), rest.size()) << "they count as done";
  EXPECT_FALSE(first.done());
  go.count_down();
  first.result();
}

TEST(ThreadPoolShutdown, WithoutWaitingReturnsAtOnce) {
  ThreadPoolExecutor pool(1);
  std::latch go(1);
  auto future = pool.submit([&] { go.wait(); });
  pool.shutdown({.wait = false});
  EXPECT_FALSE(future.done());
  go.count_down();
  pool.shutdown();
  EXPECT_TRUE(future.done());
}

TEST(ThreadPoolShutdown, ByATaskOfThePool) {
  ThreadPoolExecutor pool(2);
  pool.submit([&] { pool.shutdown(); }).result();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(ThreadPoolShutdown, ByACallback) {
  std::latch called(1);
  ThreadPoolExecutor pool(1);
  pool.submit([] {}).add_done_callback([&](Future<void>&) {
    pool.shutdown();
    called.count_down();
  });
  called.wait();
}

TEST(ThreadPoolShutdown, DestroyedByOneOfItsTasks) {
  auto pool = std::make_shared<ThreadPoolExecutor>(2);
  std::latch alone(1);
  auto future = pool->submit([pool, &alone]() mutable {
    alone.wait();
    pool.reset();
  });
  pool.reset();
  alone.count_down();
  future.result();
}

TEST(ThreadPoolShutdown, WhileOthersSubmit) {
  for (int round = 0; round < 100; ++round) {
    ThreadPoolExecutor pool(2);
    std::atomic<int> accepted{0}, ran{0};
    std::vector<std::jthread> submitters;
    for (int i = 0; i < 2; ++i) {
      submitters.emplace_back([&] {
        try {
          for (;;) {
            (void)pool.submit([&] { ++ran; });
            ++accepted;
          }
        } catch (const RuntimeError&) {
        }
      });
    }
    while (accepted < 20) std::this_thread::yield();
    pool.shutdown();
    submitters.clear();
    EXPECT_EQ(ran, accepted) << "what was accepted ran, what was refused did not";
  }
}

TEST(ThreadPoolShutdown, FromSeveralThreads) {
  ThreadPoolExecutor pool(2);
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) (void)pool.submit([&] { ++ran; });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      pool.shutdown();
      EXPECT_EQ(ran, 100);
    });
  }
}

// ---- tasks that use their own pool

int fib(ThreadPoolExecutor& pool, int n) {
  if (n < 2) return n;
  auto a = pool.submit(fib, std::ref(pool), n - 1);
  auto b = pool.submit(fib, std::ref(pool), n - 2);
  return a.result() + b.result();
}

TEST(ThreadPoolNesting, TasksMayWaitForTasksOfTheirOwnPool) {
  for (int workers = 1; workers <= 3; ++workers) {
    ThreadPoolExecutor pool(workers);
    EXPECT_EQ(pool.submit(fib, std::ref(pool), 12).result(), 144);
  }
}

TEST(ThreadPoolNesting, SoMayWaitAndAsCompletedAndMap) {
  ThreadPoolExecutor pool(1);
  const auto same = [](int x) { return x; };
  const int sum = pool.submit([&] {
                        std::vector futures{pool.submit(same, 1), pool.submit(same, 2)};
                        int total = static_cast<int>(wait(futures).done.size());
                        futures = {pool.submit(same, 3), pool.submit(same, 4)};
                        for (auto& future : as_completed(futures)) total += future.result();
                        for (int x : pool.map(same, std::vector{5, 6})) total += x;
                        return total;
                      })
                      .result();
  EXPECT_EQ(sum, 20);
}

int chain(ThreadPoolExecutor& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit(chain, std::ref(pool), depth - 1).result();
}

TEST(ThreadPoolNesting, TooDeepThrows) {
  ThreadPoolExecutor pool(1);
  EXPECT_EQ(pool.submit(chain, std::ref(pool), 200).result(), 200);
  EXPECT_THROW(pool.submit(chain, std::ref(pool), 100'000).result(), RuntimeError);
}

TEST(ThreadPoolNesting, WithATimeoutItWaits) {
  ThreadPoolExecutor pool(1);
  EXPECT_THROW(pool.submit([&] { return pool.submit([] { return 1; }).result(1ms); }).result(), TimeoutError);
}

TEST(ThreadPoolCallbacks, MaySubmitAndWait) {
  std::latch called(1);
  ThreadPoolExecutor pool(1);
  int value = 0;
  pool.submit([] { return 1; }).add_done_callback([&](Future<int>& future) {
    value = future.result() + pool.submit([] { return 2; }).result();
    called.count_down();
  });
  called.wait();
  EXPECT_EQ(value, 3);
}

// ---- the system

TEST(ThreadPoolFork, InheritedExecutorThrowsInsteadOfHanging) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not support threads after a fork of a threaded program";
#endif
  ThreadPoolExecutor pool(2);
  pool.submit([] {}).result();
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      (void)pool.submit([] {});
    } catch (const RuntimeError&) {
      code = ThreadPoolExecutor(1).submit([] { return 0; }).result();
    }
    pool.shutdown();
    ::_exit(code);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace plait::futures
