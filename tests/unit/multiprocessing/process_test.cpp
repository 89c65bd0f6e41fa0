// SPDX-License-Identifier: Apache-2.0
// The life of a Process as its maker sees it.
#include "plait/multiprocessing/process.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "child.hpp"
#include "plait/errors.hpp"

namespace plait::multiprocessing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

void do_nothing() {}

bool is_readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

// ---- before the start ----------------------------------------------------------------------------------------------

TEST(Process, NotStartedHasNoPidAndNoExitCode) {
  Process process(do_nothing);
  EXPECT_EQ(process.pid(), std::nullopt);
  EXPECT_EQ(process.ident(), std::nullopt);
  EXPECT_EQ(process.exitcode(), std::nullopt);
  EXPECT_FALSE(process.is_alive());
  EXPECT_FALSE(process.daemon());
  EXPECT_EQ(process.authkey(), current_process().authkey());
  EXPECT_THAT(process.repr(),
              MatchesRegex("<Process name='Process-[0-9]+' parent=" + std::to_string(os::getpid()) + " initial>"));
}

TEST(Process, WhatNeedsAStartThrowsBefore) {
  Process process(do_nothing);
  EXPECT_THROW(process.join(), AssertionError);
  EXPECT_THROW(process.join(0s), AssertionError);
  EXPECT_THROW(process.terminate(), AssertionError);
  EXPECT_THROW(process.kill(), AssertionError);
  EXPECT_THROW(process.interrupt(), AssertionError);
  EXPECT_THROW(static_cast<void>(process.sentinel()), ValueError);
}

TEST(Process, NamesCountTheObjects) {
  const Process first(do_nothing), second(Process::Options{.name = "spider"}, do_nothing), third(do_nothing);
  const int n = std::stoi(first.name().substr(first.name().find('-') + 1));
  EXPECT_EQ(first.name(), "Process-" + std::to_string(n));
  EXPECT_EQ(second.name(), "spider");
  EXPECT_EQ(third.name(), "Process-" + std::to_string(n + 2));
}

TEST(Process, NamesOfAContextSayIt) {
  EXPECT_THAT(Process({.context = get_context("fork")}, do_nothing).name(), MatchesRegex("ForkProcess-[0-9]+"));
  EXPECT_THAT(Process({.context = get_context("spawn")}, do_nothing).name(), MatchesRegex("SpawnProcess-[0-9]+"));
  EXPECT_THAT(Process({.context = get_context("forkserver")}, do_nothing).name(),
              MatchesRegex("ForkServerProcess-[0-9]+"));
}

TEST(Process, NameDaemonAndAuthkeyCanBeSet) {
  Process process({.name = "a", .daemon = true}, do_nothing);
  EXPECT_EQ(process.name(), "a");
  EXPECT_TRUE(process.daemon());
  process.set_name("b");
  process.set_daemon(false);
  process.set_authkey("secret");
  EXPECT_EQ(process.name(), "b");
  EXPECT_FALSE(process.daemon());
  EXPECT_EQ(process.authkey(), "secret");
  EXPECT_NE(current_process().authkey(), "secret");
}

TEST(Process, AuthkeyIs32BytesThatNobodyKnows) {
  const std::string key = current_process().authkey();
  EXPECT_EQ(key.size(), 32U);
  EXPECT_NE(key, std::string(32, '\0'));
}

TEST(Process, MovedFromThrows) {
  Process a(do_nothing);
  const std::string name = a.name();
  Process b = std::move(a);
  EXPECT_EQ(b.name(), name);
  EXPECT_THROW(static_cast<void>(a.name()), RuntimeError);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_THROW(a.start(), RuntimeError);
  a = std::move(b);
  EXPECT_EQ(a.name(), name);
}

TEST(Process, CurrentProcessCannotBeStartedOrJoined) {
  Process self = current_process();
  EXPECT_THROW(self.start(), AssertionError);
  EXPECT_THROW(self.join(), AssertionError);
  EXPECT_THROW(self.terminate(), AssertionError);
  EXPECT_THROW(self.close(), AssertionError);
  EXPECT_THROW(self.set_daemon(true), AssertionError);
  EXPECT_THROW(static_cast<void>(self.sentinel()), ValueError);
  EXPECT_TRUE(self.is_alive());
  EXPECT_EQ(self.exitcode(), std::nullopt);
  EXPECT_EQ(self.pid(), os::getpid());
  EXPECT_EQ(self.name(), "MainProcess");
  EXPECT_EQ(self.repr(), "<Process name='MainProcess' pid=" + std::to_string(os::getpid()) + " parent=None started>");
  EXPECT_EQ(parent_process(), std::nullopt);
}

// ---- a life --------------------------------------------------------------------------------------------------------

class ProcessLife : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(ProcessLife);

TEST_P(ProcessLife, StartJoinExitcode) {
  Gate gate;
  Process process(options(), Gate::wait_at, gate.name());
  process.start();
  EXPECT_TRUE(process.is_alive());
  EXPECT_EQ(process.exitcode(), std::nullopt);
  EXPECT_GT(process.pid(), 0);
  EXPECT_THAT(active_children(), ElementsAre(testing::Eq(std::ref(process))));
  EXPECT_THAT(process.repr(), HasSubstr(" started>"));
  gate.pass();
  process.join();
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_THAT(active_children(), IsEmpty());
  EXPECT_THAT(process.repr(), HasSubstr(" stopped exitcode=0>"));
}

TEST_P(ProcessLife, StartingTwiceThrows) {
  Process process = started(do_nothing);
  EXPECT_THROW(process.start(), AssertionError);
  process.join();
  EXPECT_THROW(process.start(), AssertionError);
}

TEST_P(ProcessLife, OfManyThreadsOneStartsIt) {
  Process process(options(), do_nothing);
  std::atomic<int> started{0}, refused{0};
  std::vector<std::thread> starters;
  for (int i = 0; i < 4; ++i) {
    starters.emplace_back([&] {
      try {
        process.start();
        ++started;
      } catch (const AssertionError&) {
        ++refused;
      }
    });
  }
  for (std::thread& starter : starters) starter.join();
  EXPECT_EQ(started, 1);
  EXPECT_EQ(refused, 3);
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(ProcessLife, JoinKeepsItsDeadline) {
  Gate gate;
  Process process = started(Gate::wait_at, gate.name());
  process.join(0s);
  process.join(-1s);
  process.join(20ms);
  EXPECT_TRUE(process.is_alive());
  gate.pass();
  process.join(long_enough);
  process.join();
  process.join(0s);
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(ProcessLife, ManyThreadsJoin) {
  Gate gate;
  Process process = started(Gate::wait_at, gate.name());
  std::vector<std::thread> joiners;
  for (int i = 0; i < 4; ++i) joiners.emplace_back([&process] { process.join(); });
  gate.pass();
  for (std::thread& joiner : joiners) joiner.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(ProcessLife, TerminateAndKillTellTheSignal) {
  for (const int number : {SIGTERM, SIGKILL}) {
    Gate gate;
    Process process = started(wait_for_death, gate.name());
    gate.pass();
    number == SIGTERM ? process.terminate() : process.kill();
    process.join();
    EXPECT_EQ(process.exitcode(), -number);
    EXPECT_FALSE(process.is_alive());
    EXPECT_THAT(process.repr(), HasSubstr(number == SIGTERM ? "exitcode=-SIGTERM" : "exitcode=-SIGKILL"));
    process.terminate();  // nothing: it has ended
    process.kill();
    process.interrupt();
  }
}

TEST_P(ProcessLife, InterruptEndsWhoDoesNotHandleIt) {
  Gate gate;
  Process process = started(wait_for_death, gate.name());
  gate.pass();
  process.interrupt();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGINT);
}

TEST_P(ProcessLife, InterruptIsHeardHoweverEarlyItComes) {
  for (int i = 0; i < 20; ++i) {
    Process process = started([] {
      for (;;) ::pause();
    });
    process.interrupt();
    process.join(long_enough);
    EXPECT_EQ(process.exitcode(), -SIGINT);
  }
}

void handle_interrupt(const std::string& gate) {
  sigset_t interrupt, none;
  sigemptyset(&none);
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  ::signal(SIGINT, [](int) {});
  Gate::wait_at(gate);
  ::sigsuspend(&none);
  throw std::runtime_error("interrupted");
}

TEST_P(ProcessLife, InterruptReachesTheChildsHandler) {
  Gate gate;
  TemporaryFile errors;
  Process process = started(
      [](std::string gate_name, std::string file) {
        redirect(STDERR_FILENO, file);
        handle_interrupt(gate_name);
      },
      gate.name(), errors.path());
  gate.pass();
  process.interrupt();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_THAT(errors.text(), HasSubstr("std::runtime_error: interrupted"));
}

TEST_P(ProcessLife, InterruptsOfOthersAreNotHeard) {
  Gate gate;
  Process process = started(wait_for_death, gate.name());
  gate.pass();
  const pid_t other = ::fork();
  if (other == 0) ::_exit(::kill(*process.pid(), SIGINT) == 0 ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  process.join(50ms);
  EXPECT_TRUE(process.is_alive());
  process.kill();
  process.join();
}

TEST_P(ProcessLife, SentinelIsReadableAtItsEnd) {
  Gate gate;
  Process process = started(Gate::wait_at, gate.name());
  EXPECT_FALSE(is_readable(process.sentinel()));
  gate.pass();
  pollfd wanted{process.sentinel(), POLLIN, 0};
  EXPECT_EQ(::poll(&wanted, 1, 30'000), 1);
  EXPECT_EQ(process.exitcode(), 0) << "known as soon as the sentinel is readable";
  EXPECT_FALSE(process.is_alive());
}

TEST_P(ProcessLife, CloseGivesTheDescriptorBack) {
  Gate gate;
  Process process = started(Gate::wait_at, gate.name());
  EXPECT_THROW(process.close(), ValueError) << "it runs";
  const int sentinel = process.sentinel();
  const std::string name = process.name();
  gate.pass();
  process.join();
  process.close();
  process.close();
  // The thread that reported its end may hold it for a moment more.
  while (::fcntl(sentinel, F_GETFD) != -1) std::this_thread::yield();
  EXPECT_EQ(process.name(), name);
  process.set_name("still");
  EXPECT_THAT(process.repr(), MatchesRegex("<Process name='still' parent=[0-9]+ closed>"));
  EXPECT_THROW(process.join(), ValueError);
  EXPECT_THROW(process.start(), ValueError);
  EXPECT_THROW(static_cast<void>(process.is_alive()), ValueError);
  EXPECT_THROW(static_cast<void>(process.exitcode()), ValueError);
  EXPECT_THROW(static_cast<void>(process.pid()), ValueError);
  EXPECT_THROW(static_cast<void>(process.ident()), ValueError);
  EXPECT_THROW(static_cast<void>(process.sentinel()), ValueError);
  EXPECT_THROW(static_cast<void>(process.daemon()), ValueError);
  EXPECT_THROW(process.set_daemon(true), ValueError);
  EXPECT_THROW(static_cast<void>(process.authkey()), ValueError);
  EXPECT_THROW(process.set_authkey(""), ValueError);
  EXPECT_THROW(process.terminate(), ValueError);
  EXPECT_THROW(process.kill(), ValueError);
  EXPECT_THROW(process.interrupt(), ValueError);
}

TEST(Process, UnstartedCanBeClosed) {
  Process process(do_nothing);
  process.close();
  EXPECT_THROW(process.start(), ValueError);
}

TEST_P(ProcessLife, DaemonCannotBeChangedOnceStarted) {
  Process process = started(do_nothing);
  EXPECT_THROW(process.set_daemon(true), AssertionError);
  process.join();
  EXPECT_THROW(process.set_daemon(false), AssertionError);
}

// ---- the end of the handle -----------------------------------------------------------------------------------------

TEST_P(ProcessLife, DestructorJoins) {
  Gate gate;
  TemporaryFile file;
  std::thread opener;
  {
    const Process process = started(
        [](std::string name, std::string path) {
          Gate::wait_at(name);
          tell(path, "done");
        },
        gate.name(), file.path());
    opener = std::thread([&gate] { gate.pass(); });
  }
  EXPECT_EQ(file.text(), "done");
  opener.join();
}

TEST_P(ProcessLife, DestructorTerminatesADaemon) {
  Gate gate;
  Process observer = [&] {
    Process::Options daemonic = options();
    daemonic.daemon = true;
    Process process(daemonic, wait_for_death, gate.name());
    process.start();
    gate.pass();
    return std::move(active_children().front());
  }();
  EXPECT_EQ(observer.exitcode(), -SIGTERM);
}

TEST_P(ProcessLife, DestructorKillsADaemonThatDoesNotListen) {
  Gate gate;
  Process observer = [&] {
    Process::Options daemonic = options();
    daemonic.daemon = true;
    Process process(
        daemonic,
        [](std::string name) {
          ::signal(SIGTERM, SIG_IGN);
          wait_for_death(std::move(name));
        },
        gate.name());
    process.start();
    gate.pass();
    return std::move(active_children().front());
  }();
  EXPECT_EQ(observer.exitcode(), -SIGKILL);
}

TEST_P(ProcessLife, AssignmentJoinsWhatWasThere) {
  TemporaryFile file;
  Process process = started([](std::string path) { tell(path, "first"); }, file.path());
  process = started([](std::string path) { tell(path, " second"); }, file.path());
  EXPECT_THAT(file.text(), HasSubstr("first"));
  process.join();
  EXPECT_THAT(file.text(), HasSubstr("second"));
}

TEST_P(ProcessLife, HeldBySharedPtrItMayBeStartedAndForgotten) {
  Gate gate;
  std::make_shared<Process>(options(), Gate::wait_at, gate.name())->start();
  auto children = active_children();
  ASSERT_EQ(children.size(), 1U);
  gate.pass();
  children.front().join();
  EXPECT_EQ(children.front().exitcode(), 0);
  EXPECT_THAT(active_children(), IsEmpty());
}

}  // namespace
}  // namespace plait::multiprocessing
