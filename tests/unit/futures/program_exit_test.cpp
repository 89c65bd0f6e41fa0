// SPDX-License-Identifier: Apache-2.0
// What needs a process of its own: the end of a program with executors in it, and a system that gives no threads.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <latch>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/futures/thread_pool_executor.hpp"

namespace plait::futures {
namespace {

using namespace std::chrono_literals;

class ProgramExit : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer does not support threads after a fork of a threaded program";
#endif
  }
};

void say(const char* text) { (void)!::write(STDERR_FILENO, text, std::char_traits<char>::length(text)); }
void slow_task() {
  std::this_thread::sleep_for(50ms);
  say("the task ran. ");
}

[[noreturn]] void exit_with_a_leaked_executor() {
  auto* pool = new ThreadPoolExecutor(1);
  for (int i = 0; i < 2; ++i) (void)pool->submit(slow_task);
  std::exit(3);
}

[[noreturn]] void exit_with_a_static_executor() {
  static ThreadPoolExecutor pool(1);
  (void)pool.submit(slow_task);
  std::exit(3);
}

[[noreturn]] void exit_and_submit_late() {
  static auto* pool = new ThreadPoolExecutor(1);
  std::atexit([] {
    try {
      (void)ThreadPoolExecutor(1).submit(slow_task);
    } catch (const RuntimeError& error) {
      say(error.what());
    }
  });
  (void)pool->submit(slow_task);
  std::exit(3);
}

[[noreturn]] void exit_in_a_task() {
  ThreadPoolExecutor pool(2);
  pool.submit([] { std::exit(3); }).result();
  std::abort();
}

TEST_F(ProgramExit, WaitsForTheTasksOfLeakedExecutors) {
  EXPECT_EXIT(exit_with_a_leaked_executor(), testing::ExitedWithCode(3), "the task ran. the task ran.");
}

TEST_F(ProgramExit, WaitsForTheTasksOfStaticExecutors) {
  EXPECT_EXIT(exit_with_a_static_executor(), testing::ExitedWithCode(3), "the task ran.");
}

TEST_F(ProgramExit, TasksOfATaskThatExits) { EXPECT_EXIT(exit_in_a_task(), testing::ExitedWithCode(3), ""); }

TEST_F(ProgramExit, HandlersThatRunEarlierMayStillSubmit) {
  EXPECT_EXIT(exit_and_submit_late(), testing::ExitedWithCode(3), "the task ran.");
}

// ---- no memory for the stack of a thread

class NoThreads : public ProgramExit {
 protected:
  void SetUp() override {
    ProgramExit::SetUp();
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "AddressSanitizer needs the address space";
#endif
  }
};

// While it lives no thread can be started, since there is no address space for its stack.
class NoAddressSpace {
 public:
  NoAddressSpace() {
    ::getrlimit(RLIMIT_AS, &before_);
    const rlimit none{.rlim_cur = 1, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &none);
  }
  ~NoAddressSpace() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

int one() { return 1; }

[[noreturn]] void submit_without_any_worker() {
  ThreadPoolExecutor pool(2);
  int code = 1;
  {
    const NoAddressSpace none;
    try {
      (void)pool.submit(one);
    } catch (const std::system_error&) {
      code = 2;
    }
  }
  if (code == 2 && pool.submit(one).result() == 1) code = 0;  // it works again once there are threads
  std::_Exit(code);
}

[[noreturn]] void submit_with_fewer_workers() {
  ThreadPoolExecutor pool(8);
  std::latch begun(1), go(1);
  auto first = pool.submit([&] {
    begun.count_down();
    go.wait();
  });
  begun.wait();
  std::vector<Future<int>> futures;
  {
    const NoAddressSpace none;
    for (int i = 0; i < 10; ++i) futures.push_back(pool.submit(one));
  }
  go.count_down();
  int sum = 0;
  for (auto& future : futures) sum += future.result();
  std::_Exit(sum == 10 ? 0 : 1);
}

[[noreturn]] void submit_until_there_is_a_second_worker() {
  ThreadPoolExecutor pool(2);
  std::latch begun(1), go(1);
  auto first = pool.submit([&] {
    begun.count_down();
    go.wait();
  });
  begun.wait();
  {
    const NoAddressSpace none;
    (void)pool.submit(one);
  }
  for (;;) {  // until the watchdog ends it
    try {
      pool.submit(one).result(std::chrono::milliseconds(10));
      break;
    } catch (const TimeoutError&) {
    }
  }
  go.count_down();
  first.result();
  std::_Exit(0);
}

TEST_F(NoThreads, SubmitThrowsWhenThereIsNoWorkerAtAll) {
  EXPECT_EXIT(submit_without_any_worker(), testing::ExitedWithCode(0), "");
}

TEST_F(NoThreads, ThoseRefusedAreAskedForAgain) {
  EXPECT_EXIT(submit_until_there_is_a_second_worker(), testing::ExitedWithCode(0), "");
}

TEST_F(NoThreads, TasksRunOnFewerWorkers) { EXPECT_EXIT(submit_with_fewer_workers(), testing::ExitedWithCode(0), ""); }

}  // namespace
}  // namespace plait::futures
