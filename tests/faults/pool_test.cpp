// SPDX-License-Identifier: Apache-2.0
// multiprocessing.Pool: what rows of the fault list look like through its calls. (R1, R2 and W14 are in
// resources_test.cpp.)
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "belongings.hpp"
#include "fault_test.hpp"
#include "troubled.hpp"

namespace plait::faults {

using multiprocessing::AsyncResult;
using multiprocessing::Pool;
using multiprocessing::PoolOptions;
using testing::HasSubstr;

class FaultOfPools : public OverStartMethods {
 protected:
  [[nodiscard]] static PoolOptions workers(int count) {
    return {.processes = count, .context = multiprocessing::get_context(GetParam())};
  }
  static void expect_works(Pool& pool) {
    const auto squares = pool.map({.chunksize = 1}, square, std::views::iota(0, 100));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
  }
};

template <class T>
WorkerDied death_of(const AsyncResult<T>& result) {
  try {
    (void)result.get(faults::T);
  } catch (const WorkerDied& death) {
    return death;
  }
  throw std::runtime_error("there is a result, the worker should have died");
}

// ---- W1, W2, W6 ----------------------------------------------------------------------------------------------------

class FaultW1OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW1OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW1OfPools, KilledInMidTaskCostsThatTask) {
  Fifo started(folder_.file("started"));
  Pool pool(workers(2));
  std::vector<std::string> errors;
  auto lost = pool.apply_async({.error_callback = [&](const std::exception& error) { errors.push_back(error.what()); }},
                               tell_and_hang, started.path());
  auto others = pool.map_async({.chunksize = 1}, square, std::views::iota(0, 200));
  const pid_t victim = started.pid();
  ASSERT_EQ(::kill(victim, SIGKILL), 0);
  const WorkerDied death = death_of(lost);
  EXPECT_EQ(death.pid(), victim);
  EXPECT_EQ(death.signal(), SIGKILL);
  EXPECT_THAT(death.what(), HasSubstr("tell_and_hang"));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors[0], HasSubstr("SIGKILL"));
  EXPECT_EQ(others.get(T).size(), 200U);
  expect_works(pool);
}

int end_at_seven(int x) {
  if (x == 7) std::_Exit(99);
  return x;
}

class FaultW2OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW2OfPools, "forkserver");

TEST_P(FaultW2OfPools, EveryCallOfAPoolTellsTheCause) {
  Pool pool(workers(2));
  const auto numbers = std::views::iota(0, 40);
  const auto expect_code = [](auto call) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const WorkerDied& death) {
      EXPECT_EQ(death.exit_code(), 99) << death.what();
    }
  };
  expect_code([&] { (void)pool.apply(end_at_seven, 7); });
  expect_code([&] { (void)pool.map(end_at_seven, numbers); });
  expect_code([&] { (void)pool.map({.chunksize = 1}, end_at_seven, numbers); });
  expect_code([&] { (void)pool.map_async(end_at_seven, numbers).get(T); });
  expect_code([&] { (void)pool.starmap(end_at_seven, std::vector{std::tuple{1}, {7}}); });
  expect_code([&] {
    for ([[maybe_unused]] int x : pool.imap(end_at_seven, numbers)) {
    }
  });
  expect_code([&] {
    for ([[maybe_unused]] int x : pool.imap_unordered({.chunksize = 3}, end_at_seven, numbers)) {
    }
  });
  expect_works(pool);
}

class FaultW6OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW6OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW6OfPools, KilledWhileItsLaneIsFull) {
  constexpr int count = 5000;
  Fifo started(folder_.file("started"));
  Pool pool(workers(1));
  (void)pool.map({.chunksize = 1}, square, std::views::iota(0, count));  // short tasks make lanes deep
  auto lost = pool.apply_async(tell_and_hang, started.path());
  auto behind = pool.map_async({.chunksize = 1}, square, std::views::iota(0, count));
  auto last = pool.apply_async(square, 7);

  const pid_t victim = started.pid();
  ASSERT_EQ(::kill(victim, SIGKILL), 0);

  EXPECT_EQ(death_of(lost).pid(), victim);
  const auto squares = behind.get(5 * T);
  ASSERT_EQ(squares.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
  EXPECT_EQ(last.get(T), 49);
}

// ---- W7, W8 --------------------------------------------------------------------------------------------------------

class FaultW7OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW7OfPools, "forkserver", "fork");

TEST_P(FaultW7OfPools, EveryCallOfAMapKillsItsWorker) {
  Pool pool(workers(3));
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 30; ++i) results.push_back(pool.apply_async(end_at_seven, 7));
  for (const auto& result : results) EXPECT_EQ(death_of(result).exit_code(), 99);
  expect_works(pool);
}

class FaultW8OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW8OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW8OfPools, KilledWhileIdle) {
  Pool pool(workers(1));
  for (int round = 0; round < 3; ++round) {
    const pid_t worker = pool.apply(own_pid);
    ASSERT_EQ(::kill(worker, SIGKILL), 0);
    ASSERT_TRUE(dies_within(worker, T));
    EXPECT_EQ(pool.apply(square, 3), 9);
  }
}

// ---- W12 -----------------------------------------------------------------------------------------------------------

class FaultW12OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW12OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW12OfPools, WorkersOfFewTasksAndABacklogAndTheEnd) {
  for (int limit = 1; limit <= 3; ++limit) {
    for (const bool closed : {true, false}) {
      std::vector<AsyncResult<int>> results;
      {
        PoolOptions options = workers(2);
        options.maxtasksperchild = limit;
        Pool pool(std::move(options));
        for (int i = 0; i < 20; ++i) results.push_back(pool.apply_async(square, i));
        if (closed) {
          pool.close();
          pool.join();
        }
      }
      for (int i = 0; i < 20; ++i) {
        const auto& result = results[static_cast<std::size_t>(i)];
        ASSERT_TRUE(result.ready());
        if (!closed) continue;
        EXPECT_EQ(result.get(), i * i);
      }
    }
  }
}

// ---- W13 -----------------------------------------------------------------------------------------------------------

void hang_with(std::string fifo) { tell_and_hang(std::move(fifo)); }

class FaultW13OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultW13OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW13OfPools, InitializerThatHangsEndsWithThePool) {
  const Newcomers processes;
  Fifo started(folder_.file("started"));
  PoolOptions options = workers(1);
  options.initializer = {hang_with, started.path()};
  auto pool = std::make_unique<Pool>(std::move(options));
  auto waiting = pool->apply_async(square, 1);
  const pid_t worker = started.pid();
  EXPECT_THROW((void)waiting.get(std::chrono::milliseconds(20)), TimeoutError);
  pool.reset();
  EXPECT_THROW((void)waiting.get(T), CancelledError);
  EXPECT_TRUE(dies_within(worker, T));
}

// ---- M3 ------------------------------------------------------------------------------------------------------------

class FaultM3OfPools : public FaultOfPools {
 protected:
  // Only these calls fail, with the serializer's own error; results of calls around them are right.
  template <class Call>
  void expect_complaint(Call call) {
    auto others = pool_.map_async({.chunksize = 1}, square, std::views::iota(0, 20));
    EXPECT_THAT(call, testing::ThrowsMessage<std::runtime_error>(HasSubstr(complaint)));
    EXPECT_EQ(others.get(T).size(), 20U);
    expect_works(pool_);
  }
  template <class Call>
  void expect_crash(Call call) {
    auto others = pool_.map_async({.chunksize = 1}, square, std::views::iota(0, 20));
    EXPECT_EQ(death_of(call()).signal(), SIGSEGV);
    EXPECT_EQ(others.get(T).size(), 20U);
    expect_works(pool_);
  }
  // The third of five arguments is a bad one.
  static std::vector<Troubled> arguments(When when, How how = How::throws) {
    std::vector<Troubled> all(5);
    all[2] = {.when = when, .how = how};
    return all;
  }

  Pool pool_{workers(2)};
};
PLAIT_OVER_START_METHODS(FaultM3OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultM3OfPools, ArgumentsThrow) {
  for (const When when : {When::measured, When::encoded, When::decoded}) {
    SCOPED_TRACE(static_cast<int>(when));
    expect_complaint([&] { (void)pool_.apply(take, Troubled{.when = when}); });
    expect_complaint([&] { (void)pool_.apply_async(take, Troubled{.when = when}).get(T); });
    expect_complaint([&] { (void)pool_.map({.chunksize = 1}, take, arguments(when)); });
    expect_complaint([&] { (void)pool_.map({.chunksize = 5}, take, arguments(when)); });
    expect_complaint([&] { (void)pool_.map_async({.chunksize = 2}, take, arguments(when)).get(T); });
    expect_complaint([&] {
      for ([[maybe_unused]] std::size_t size : pool_.imap(take, arguments(when))) {
      }
    });
  }
}

TEST_P(FaultM3OfPools, ResultsThrow) {
  for (const When when : {When::measured, When::encoded, When::decoded}) {
    SCOPED_TRACE(static_cast<int>(when));
    const std::vector calls{std::tuple{When::never, How::throws}, {when, How::throws}};
    expect_complaint([&] { (void)pool_.apply(give, when, How::throws); });
    expect_complaint([&] { (void)pool_.starmap({.chunksize = 1}, give, calls); });
    expect_complaint([&] { (void)pool_.starmap({.chunksize = 2}, give, calls); });
    expect_complaint([&] { (void)pool_.starmap_async({.chunksize = 1}, give, calls).get(T); });
  }
}

// Callbacks hear of results that cannot be decoded, too, for they are decoded for them.
TEST_P(FaultM3OfPools, ErrorCallbacksAreToldOfResultsThatThrow) {
  for (const When when : {When::measured, When::encoded, When::decoded}) {
    SCOPED_TRACE(static_cast<int>(when));
    std::vector<std::string> told;
    const auto note = [&](const std::exception& error) { told.push_back(error.what()); };
    expect_complaint([&] {
      (void)pool_
          .apply_async({.callback = [&](const Troubled&) { told.push_back("a value"); }, .error_callback = note}, give,
                       when, How::throws)
          .get(T);
    });
    EXPECT_THAT(told, testing::ElementsAre(HasSubstr(complaint)));
  }
}

TEST_P(FaultM3OfPools, CrashesInTheWorkerCostTheirTask) {
  expect_crash([&] { return pool_.apply_async(take, Troubled{.when = When::decoded, .how = How::crashes}); });
  expect_crash([&] { return pool_.map_async({.chunksize = 5}, take, arguments(When::decoded, How::crashes)); });
  for (const When when : {When::measured, When::encoded}) {
    expect_crash([&] { return pool_.apply_async(give, when, How::crashes); });
    expect_crash([&] {
      return pool_.starmap_async({.chunksize = 1}, give,
                                 std::vector{std::tuple{When::never, How::throws}, {when, How::crashes}});
    });
  }
}

// ---- R9 ------------------------------------------------------------------------------------------------------------

class FaultR9OfPools : public FaultOfPools {};
PLAIT_OVER_START_METHODS(FaultR9OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultR9OfPools, PoolsMadeAndDroppedWithKills) {
  Fifo started(folder_.file("started"));
  const auto use_and_drop = [&](int round) {
    Pool pool(workers(2));
    EXPECT_EQ(pool.apply(square, round), round * round);
    auto lost = pool.apply_async(tell_and_hang, started.path());
    const pid_t victim = started.pid();
    auto dropped = pool.map_async(square, std::views::iota(0, 100));
    if (round % 2 == 0) return;  // while it hangs
    ASSERT_EQ(::kill(victim, SIGKILL), 0);
    EXPECT_EQ(death_of(lost).pid(), victim);
  };
  for (int round = 0; round < 10; ++round) use_and_drop(round);
  const Belongings before;
  for (int round = 0; round < (soak() ? 100'000 : sanitized ? 10 : 100) && !HasFailure(); ++round) use_and_drop(round);
  expect_no_more_than(before);
}

// ---- P1, P5 --------------------------------------------------------------------------------------------------------

class FaultP1OfPools : public FaultOfPools {
 protected:
  void end(const std::string& how, int exit_code, int signal) {
    const Newcomers processes;
    const TemporaryFolder folder;
    {
      Program parent(PLAIT_PROGRAM_POOL_PARENT, {GetParam(), how, folder.path()});
      EXPECT_EQ(parent.line(), "busy");
      if (how == "wait") parent.kill(SIGKILL);
      const Program::End end = parent.wait(5 * T);
      EXPECT_EQ(end.exit_code, exit_code) << end.errors;
      EXPECT_EQ(end.signal, signal) << end.errors;
    }
    EXPECT_TRUE(processes.gone_within(T)) << processes.now().size() << " processes are left";
  }
};
PLAIT_OVER_START_METHODS(FaultP1OfPools, "forkserver", "spawn", "fork");
TEST_P(FaultP1OfPools, KilledWhileBusy) { end("wait", -1, SIGKILL); }

// A Pool that nobody closed is terminated, as in Python, though its workers are busy.
class FaultP5OfPools : public FaultP1OfPools {};
PLAIT_OVER_START_METHODS(FaultP5OfPools, "forkserver", "spawn", "fork");
TEST_P(FaultP5OfPools, Return) { end("return", 0, 0); }
TEST_P(FaultP5OfPools, ReturnWithLeakedPool) { end("return_with_leaked_pool", 0, 0); }
TEST_P(FaultP5OfPools, ReturnWithStaticPool) { end("return_with_static_pool", 0, 0); }
TEST_P(FaultP5OfPools, Exit) { end("exit", 5, 0); }
TEST_P(FaultP5OfPools, ExitInAnotherThread) { end("exit_in_other_thread", 5, 0); }
TEST_P(FaultP5OfPools, ExitInACallback) { end("exit_in_a_callback", 5, 0); }
TEST_P(FaultP5OfPools, UnderscoreExit) { end("_exit", 6, 0); }
TEST_P(FaultP5OfPools, Abort) { end("abort", -1, SIGABRT); }

}  // namespace plait::faults
