// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the tests of the fault list share beside the scene: a fixture that runs a row over the start methods, and
// questions to futures and to the family of processes.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/futures.hpp"
#include "plait/multiprocessing.hpp"
#include "scene.hpp"
#include "support/family.hpp"

namespace plait::faults {

using futures::Future;
using futures::ProcessPoolExecutor;
using futures::ProcessPoolOptions;
using futures::WorkerDied;

// A row that is run over several start methods; instantiate it with PLAIT_OVER_START_METHODS.
class OverStartMethods : public testing::TestWithParam<const char*> {
 protected:
  // Options of a pool whose workers are started by the method of this run.
  [[nodiscard]] static ProcessPoolOptions workers(int count) {
    return {.max_workers = count, .mp_context = multiprocessing::get_context(GetParam())};
  }
  // A plain process, started by that method.
  template <class... Target>
  static multiprocessing::Process start(Target&&... target) {
    multiprocessing::Process process({.name = {}, .daemon = {}, .context = multiprocessing::get_context(GetParam())},
                                     std::forward<Target>(target)...);
    process.start();
    return process;
  }
  [[nodiscard]] static bool forks() { return std::string(GetParam()) == "fork"; }
  [[nodiscard]] static bool spawns() { return std::string(GetParam()) == "spawn"; }

  TemporaryFolder folder_;
};

inline std::string name_of_method(const testing::TestParamInfo<const char*>& info) { return info.param; }

#define PLAIT_OVER_START_METHODS(suite, ...) \
  INSTANTIATE_TEST_SUITE_P(StartMethods, suite, testing::Values(__VA_ARGS__), plait::faults::name_of_method)

// How the worker of a task died. The test fails if the task ends in another way, or not within T.
template <class R>
WorkerDied death_of(const Future<R>& future) {
  try {
    if constexpr (std::is_void_v<R>)
      future.result(T);
    else
      static_cast<void>(future.result(T));
  } catch (const WorkerDied& death) {
    return death;
  }
  throw std::runtime_error("the task has a result, its worker should have died");
}

// The results of squares of 0 … count-1 submitted to the executor are right.
inline void expect_squares(futures::Executor& executor, int count) {
  std::vector<Future<int>> squares;
  for (int i = 0; i < count; ++i) squares.push_back(executor.submit(square, i));
  for (int i = 0; i < count; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)].result(10 * T), i * i);
}

// The processes that belong to this test program and were not there when the object was made.
class Newcomers {
 public:
  Newcomers() : before_(tests::family()) {}

  [[nodiscard]] std::vector<pid_t> now() const {
    std::vector<pid_t> pids;
    for (const tests::FamilyMember& member : tests::family()) {
      if (std::ranges::find(before_, member) == before_.end()) pids.push_back(member.pid);
    }
    return pids;
  }
  // False: some are still there after `limit`.
  [[nodiscard]] bool gone_within(std::chrono::milliseconds limit) const {
    const auto due = std::chrono::steady_clock::now() + limit;
    while (!now().empty()) {
      if (std::chrono::steady_clock::now() > due) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

 private:
  std::vector<tests::FamilyMember> before_;
};

// Kills a parent, a program of tests/faults/programs, `later` after it says that it is in the state; all that it had
// started must go. The last of its arguments is a folder.
inline void kill_parent(const std::string& program, std::vector<std::string> arguments, const std::string& state,
                        std::chrono::microseconds later = {}) {
  const Newcomers processes;
  const TemporaryFolder folder;  // one for each: the parent does not get to remove its pipe
  arguments.push_back(folder.path());
  {
    Program parent(program, std::move(arguments));
    EXPECT_EQ(parent.line(), state);
    std::this_thread::sleep_for(later);
    parent.kill(SIGKILL);
    EXPECT_EQ(parent.wait().signal, SIGKILL);
  }
  EXPECT_TRUE(processes.gone_within(T)) << processes.now().size() << " processes are left";
}

// The same at any moment of the first milliseconds in which a parent starts others.
inline void kill_starting_parent(const std::string& program, const std::vector<std::string>& arguments, bool spawns,
                                 int rounds) {
  std::mt19937 random(2024);
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    kill_parent(program, arguments, "starting", std::chrono::microseconds(random() % (spawns ? 20'000 : 3'000)));
  }
}

}  // namespace plait::faults
