// SPDX-License-Identifier: Apache-2.0
// The end of a program with executors in it, in children that end by std::exit.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <thread>

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

}  // namespace
}  // namespace plait::futures
