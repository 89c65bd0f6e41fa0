// SPDX-License-Identifier: Apache-2.0
// What a user can do wrong, and what the error then says: it names the mistake and tells what to do.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "fault_test.hpp"

namespace plait::faults {

using futures::BrokenProcessPool;
using futures::BrokenThreadPool;
using futures::Executor;
using futures::ThreadPoolExecutor;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

void throw_from_initializer(std::string what) { throw std::runtime_error(what); }
void hang_in_task() {
  for (;;) ::pause();
}

// ---- options of pools ----------------------------------------------------------------------------------------------

TEST(BadInput, MaxWorkersOfThreadsNotPositive) {
  for (const int count : {0, -1, -1000}) {
    EXPECT_THAT([&] { ThreadPoolExecutor pool({.max_workers = count}); },
                ThrowsMessage<ValueError>(
                    AllOf(HasSubstr("max_workers must be greater than 0"), HasSubstr(std::to_string(count)))));
  }
}

TEST(BadInput, MaxWorkersOfProcessesNotPositive) {
  for (const int count : {0, -1, -1000}) {
    EXPECT_THAT([&] { ProcessPoolExecutor pool({.max_workers = count}); },
                ThrowsMessage<ValueError>(AllOf(HasSubstr("max_workers must be greater than 0"),
                                                HasSubstr(std::to_string(count)), HasSubstr("leave it out"))));
  }
}

TEST(BadInput, MaxTasksPerChild) {
  EXPECT_THAT([] { ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_child = 0}); },
              ThrowsMessage<ValueError>(HasSubstr("max_tasks_per_child must be at least 1")));
  EXPECT_THAT(
      [] {
        ProcessPoolExecutor pool(
            {.max_workers = 1, .mp_context = multiprocessing::get_context("fork"), .max_tasks_per_child = 5});
      },
      ThrowsMessage<ValueError>(AllOf(HasSubstr("'fork'"), HasSubstr("get_context(\"forkserver\")"))));
}

TEST(BadInput, UnknownStartMethod) {
  EXPECT_THAT([] { static_cast<void>(multiprocessing::get_context("thread")); },
              ThrowsMessage<ValueError>(AllOf(HasSubstr("thread"), HasSubstr("forkserver"), HasSubstr("spawn"))));
}

// ---- options of map; submit in the wrong moment ---------------------------------------------------------------------

class BadInputTo : public testing::TestWithParam<const char*> {
 protected:
  static bool threads() { return GetParam() == std::string("threads"); }
  std::unique_ptr<Executor> executor_ = [] {
    if (threads())
      return std::unique_ptr<Executor>(
          std::make_unique<ThreadPoolExecutor>(futures::ThreadPoolOptions{.max_workers = 1}));
    return std::unique_ptr<Executor>(std::make_unique<ProcessPoolExecutor>(ProcessPoolOptions{.max_workers = 1}));
  }();
  const std::vector<int> numbers_{1, 2, 3};
};
PLAIT_OVER_START_METHODS(BadInputTo, "threads", "processes");

TEST_P(BadInputTo, ChunkSizeBelowOne) {
  for (const int size : {0, -3}) {
    const auto attempt = [&] { static_cast<void>(executor_->map({.chunksize = size}, square, numbers_)); };
    if (threads())
      EXPECT_NO_THROW(attempt());  // as in Python, only processes look at it
    else
      EXPECT_THAT(attempt, ThrowsMessage<ValueError>(AllOf(HasSubstr("chunksize must be at least 1, not"),
                                                           HasSubstr(std::to_string(size)), HasSubstr("leave it"))));
  }
}

TEST_P(BadInputTo, BufferSizeBelowOne) {
  for (const int size : {0, -3}) {
    EXPECT_THAT([&] { static_cast<void>(executor_->map({.buffersize = size}, square, numbers_)); },
                ThrowsMessage<ValueError>(AllOf(HasSubstr("buffersize"), HasSubstr("at least 1"),
                                                HasSubstr(std::to_string(size)), HasSubstr("leave it out"))));
  }
}

TEST_P(BadInputTo, SubmitAfterShutdown) {
  executor_->submit(square, 1).result(T);
  executor_->shutdown();
  EXPECT_THAT([&] { (void)executor_->submit(square, 2); },
              ThrowsMessage<RuntimeError>(AllOf(HasSubstr("after shutdown"), HasSubstr("make a new"))));
  EXPECT_THAT([&] { static_cast<void>(executor_->map(square, numbers_)); },
              ThrowsMessage<RuntimeError>(HasSubstr("after shutdown")));
}

TEST_P(BadInputTo, SubmitAfterShutdownOfAPoolThatNeverWorked) {
  executor_->shutdown();
  EXPECT_THAT([&] { (void)executor_->submit(square, 2); }, ThrowsMessage<RuntimeError>(HasSubstr("after shutdown")));
}

// ---- initializers that fail ----------------------------------------------------------------------------------------

TEST(BadInput, InitializerOfThreadsThrows) {
  ThreadPoolExecutor pool({.max_workers = 2, .initializer = {throw_from_initializer, "no model.bin here"}});
  std::vector<Future<int>> futures;
  try {
    for (int i = 0; i < 10; ++i) futures.push_back(pool.submit(square, i));
  } catch (const BrokenThreadPool&) {  // it was quicker
  }
  for (const auto& future : futures) EXPECT_THROW(future.result(T), BrokenThreadPool);
  EXPECT_THAT([&] { (void)pool.submit(square, 1); },
              ThrowsMessage<BrokenThreadPool>(
                  AllOf(HasSubstr("initializer"), HasSubstr("no model.bin here"), HasSubstr("make a new"))));
}

class BadInputOverStartMethods : public OverStartMethods {
 protected:
  // Every future of a pool, and every later submit, fails with a message that has this.
  template <class Matcher>
  static void expect_broken(ProcessPoolExecutor& pool, Matcher says) {
    std::vector<Future<int>> futures;
    try {
      for (int i = 0; i < 10; ++i) futures.push_back(pool.submit(square, i));
    } catch (const BrokenProcessPool& error) {  // it was quicker
      EXPECT_THAT(error.what(), says);
    }
    for (const auto& future : futures) {
      EXPECT_THAT([&] { static_cast<void>(future.result(5 * T)); }, ThrowsMessage<BrokenProcessPool>(says));
    }
    EXPECT_THAT([&] { (void)pool.submit(square, 1); }, ThrowsMessage<BrokenProcessPool>(says));
    pool.shutdown();  // does not hang
  }
};
PLAIT_OVER_START_METHODS(BadInputOverStartMethods, "forkserver", "spawn", "fork");

TEST_P(BadInputOverStartMethods, InitializerThrows) {
  ProcessPoolOptions options = workers(2);
  options.initializer = {throw_from_initializer, "no model.bin here"};
  ProcessPoolExecutor pool(std::move(options));
  expect_broken(pool, AllOf(HasSubstr("initializer"), HasSubstr("no model.bin here"), HasSubstr("make a new one")));
}

void note_start_and_leave(std::string file) {
  std::ofstream(file, std::ios::app) << '.' << std::flush;
  ::_exit(5);
}

TEST_P(BadInputOverStartMethods, InitializerCrashes) {
  ProcessPoolOptions options = workers(2);
  options.initializer = {note_start_and_leave, folder_.file("starts")};
  ProcessPoolExecutor pool(std::move(options));
  expect_broken(pool, AllOf(HasSubstr("initializer"), HasSubstr("exited with code 5"), HasSubstr("make a new one")));
  EXPECT_LE(std::filesystem::file_size(folder_.file("starts")), 4U) << "a storm of processes";
}

// ---- workers that do not come to life ------------------------------------------------------------------------------

// While this file exists, new images of this program note their start in it and leave.
std::string stillborn_file() {
  const char* family = std::getenv("PLAIT_TEST_FAMILY");
  return "/tmp/faults-stillborn-" + std::string(family == nullptr ? "" : family);
}
[[maybe_unused]] const bool lives = [] {
  if (std::filesystem::exists(stillborn_file())) note_start_and_leave(stillborn_file());
  return true;
}();

class BadInputSpawn : public BadInputOverStartMethods {};
PLAIT_OVER_START_METHODS(BadInputSpawn, "spawn");

TEST_P(BadInputSpawn, WorkerThatCannotStart) {
  ProcessPoolExecutor pool(workers(2));
  std::ofstream(stillborn_file()) << std::flush;
  expect_broken(pool, AllOf(HasSubstr("die before they do anything"), HasSubstr("exited with code 5"),
                            HasSubstr("make a new one")));
  EXPECT_LE(std::filesystem::file_size(stillborn_file()), 4U * 2U + 4U) << "a storm of processes";
  std::filesystem::remove(stillborn_file());
  ProcessPoolExecutor another(workers(1));
  expect_squares(another, 5);
}

// ---- broken pools, and pools of somebody else ----------------------------------------------------------------------

TEST(BadInput, MapOnABrokenPool) {
  ProcessPoolExecutor pool({.max_workers = 1, .initializer = {throw_from_initializer, "on purpose"}});
  EXPECT_THROW(pool.submit(square, 1).result(5 * T), BrokenProcessPool);
  EXPECT_THROW(static_cast<void>(pool.map(square, std::vector{1, 2})), BrokenProcessPool);
  EXPECT_NO_THROW(pool.kill_workers());
  EXPECT_NO_THROW(pool.terminate_workers());
}

TEST(BadInput, KillWorkersWithoutWorkers) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_NO_THROW(pool.kill_workers());
  EXPECT_THROW((void)pool.submit(square, 1), RuntimeError);
}

TEST(BadInput, KilledByThePoolItself) {
  ProcessPoolExecutor pool({.max_workers = 1});
  auto running = pool.submit(hang_in_task);
  auto waiting = pool.submit(hang_in_task);
  pool.kill_workers();
  EXPECT_THROW(running.result(T), futures::BrokenProcessPool);
  EXPECT_THROW(waiting.result(T), std::exception);
  EXPECT_THAT([&] { (void)pool.submit(square, 1); }, ThrowsMessage<RuntimeError>(HasSubstr("after shutdown")));
}

}  // namespace plait::faults
