// SPDX-License-Identifier: Apache-2.0
// What a Process runs, and the way of callable and arguments to the child.
#include <gmock/gmock.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "child.hpp"
#include "plait/errors.hpp"
#include "shm/heap.hpp"

namespace plait::multiprocessing {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

void do_nothing() {}

class ProcessTarget : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(ProcessTarget);

TEST_P(ProcessTarget, ArgumentsAreConvertedToTheParametersTypes) {
  const auto target = [](std::string text, std::int64_t number, std::string_view view, std::span<const int> numbers,
                         const std::vector<double>& all, std::unique_ptr<int> owned, std::string file) {
    const bool right = text == "test" && number == -3 && view == "view" && numbers.size() == 3 && numbers[2] == 5 &&
                       all.size() == 2 && *owned == 7;
    tell(file, right ? "right" : "wrong");
  };
  TemporaryFile file;
  EXPECT_EQ(code_of(target, "test", -3, "view", std::vector{1, 2, 5}, std::vector{1.0, 2.0}, std::make_unique<int>(7),
                    file.path()),
            0);
  EXPECT_EQ(file.text(), "right");
}

TEST_P(ProcessTarget, ArgumentsAreThoseOfTheMakingOfTheObject) {
  TemporaryFile file;
  std::string text = "before";
  Process process(
      options(), [](const std::string& path, const std::string& said) { tell(path, said); }, file.path(), text);
  text = "after";
  process.start();
  process.join();
  EXPECT_EQ(file.text(), "before");
}

struct Account {
  std::string owner;
  void print(const std::string& file) const { tell(file, owner); }
};

TEST_P(ProcessTarget, MemberFunctionsPartialsAndGenericLambdasAreTargets) {
  TemporaryFile file;
  EXPECT_EQ(code_of(&Account::print, Account{"Ann"}, file.path()), 0);
  EXPECT_EQ(code_of(plait::partial(&tell, file.path()), ", Bob"), 0);
  EXPECT_EQ(code_of([](auto path, auto number) { tell(path, std::to_string(number)); }, file.path(), 3), 0);
  EXPECT_EQ(file.text(), "Ann, Bob3");
}

std::FILE* returns_what_cannot_travel() { return nullptr; }

TEST_P(ProcessTarget, WhatTheTargetReturnsIsDropped) { EXPECT_EQ(code_of(returns_what_cannot_travel), 0); }

TEST_P(ProcessTarget, ProcessWithoutATargetDoesNothing) {
  Process process(options());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(ProcessTarget, RunMayBeCalledHere) {
  TemporaryFile file;
  Process process(options(), tell, file.path(), "here");
  process.run();
  EXPECT_EQ(file.text(), "here");
  process.run();
  EXPECT_EQ(file.text(), "here") << "once";
}

TEST(ProcessForked, RunsAnything) {
  TemporaryFile file;
  int here = 5;
  auto process = Process::forked([&here, &file] { tell(file.path(), std::to_string(here)); });
  here = 6;
  process.start();
  process.join();
  EXPECT_EQ(file.text(), "6");
  auto named = Process::forked(
      {.name = "named"}, [](int& x) { std::_Exit(x); }, std::ref(here));
  EXPECT_EQ(named.name(), "named");
  named.start();
  named.join();
  EXPECT_EQ(named.exitcode(), 6);
}

TEST(ProcessForked, HasNoOtherContext) {
  EXPECT_THROW(static_cast<void>(Process::forked({.context = get_context("spawn")}, do_nothing)), ValueError);
  EXPECT_THAT(Process::forked({.context = get_context("fork")}, do_nothing).name(), HasSubstr("ForkProcess-"));
}

TEST_P(ProcessTarget, NullFunctionIsRefused) {
  if (forks()) GTEST_SKIP() << "nothing is encoded";
  void (*null)() = nullptr;
  Process process(options(), null);
  EXPECT_THROW(process.start(), EncodeError);
}

// ---- encoding ------------------------------------------------------------------------------------------------------

struct Stubborn {
  bool refuses_to_go = false;
  bool refuses_to_come = false;
  template <class A>
  void serialize(A& ar) {
    if (!A::is_reading && refuses_to_go) throw std::runtime_error("does not go");
    ar(refuses_to_go, refuses_to_come);
    if (A::is_reading && refuses_to_come) throw std::runtime_error("does not come");
  }
};

void take(std::string errors, Stubborn) { tell(errors, "taken"); }

TEST_P(ProcessTarget, ErrorsOfEncodingLeaveByStart) {
  if (forks()) GTEST_SKIP() << "nothing is encoded";
  const std::size_t before = shm::Heap::get().bytes_in_use();
  Process process(options(), take, "", Stubborn{.refuses_to_go = true});
  for (int i = 0; i < 2; ++i) EXPECT_THROW(process.start(), std::runtime_error);
  EXPECT_EQ(shm::Heap::get().bytes_in_use(), before);
  EXPECT_EQ(process.pid(), std::nullopt);
  EXPECT_THROW(process.join(), AssertionError);
  EXPECT_THAT(active_children(), IsEmpty());
}

TEST_P(ProcessTarget, ErrorsOfDecodingAreExitCode1) {
  if (forks()) GTEST_SKIP() << "nothing is decoded";
  TemporaryFile file;
  EXPECT_EQ(code_of(take, file.path(), Stubborn{.refuses_to_come = true}), 1);
  EXPECT_EQ(file.text(), "") << "nothing is called";
}

void hold(std::string gate, std::string other, std::vector<char> bytes) {
  Gate::wait_at(gate);
  Gate::wait_at(other);
  std::_Exit(bytes.size() == std::size_t{8} << 20 ? 0 : 1);
}

TEST_P(ProcessTarget, MemoryOfTheArgumentsIsFreeOnceTheyHaveArrived) {
  const std::size_t before = shm::Heap::get().bytes_in_use();
  Gate gate, other;
  Process process = started(hold, gate.name(), other.name(), std::vector<char>(std::size_t{8} << 20));
  gate.pass();
  EXPECT_LT(shm::Heap::get().bytes_in_use(), before + (std::size_t{1} << 20));
  other.pass();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(shm::Heap::get().bytes_in_use(), before);
}

TEST_P(ProcessTarget, NothingIsLeftOfOnesThatAreKilledAtOnce) {
  const std::size_t before = shm::Heap::get().bytes_in_use();
  for (int i = 0; i < 30; ++i) {
    Process process = started(
        [](const Stubborn&) {
          for (;;) ::pause();
        },
        Stubborn{});
    process.kill();
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);
  }
  EXPECT_EQ(shm::Heap::get().bytes_in_use(), before);
}

}  // namespace
}  // namespace plait::multiprocessing
