// SPDX-License-Identifier: Apache-2.0
// What a Pool of processes promises beyond the contract of every pool (tests/conformance/pool_suite.hpp).
#include "plait/multiprocessing/pool.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "child.hpp"
#include "plait/errors.hpp"
#include "plait/exceptions.hpp"
#include "plait/multiprocessing/connection.hpp"

namespace plait::multiprocessing {
namespace {

using futures::BrokenProcessPool;
using futures::WorkerDied;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

int same(int x) { return x; }
int pid_of_worker() { return os::getpid(); }
int pid_for(int) { return os::getpid(); }
void die(int signal) { ::raise(signal); }
int die_of_three(int x) {
  if (x == 3) ::raise(SIGKILL);
  return x;
}
void leave(int code) { ::_exit(code); }
std::string name_of_worker() { return current_process().name(); }
std::string key_of_worker() { return current_process().authkey(); }
std::string name_of_parent() { return parent_process()->name(); }
bool worker_is_daemonic() { return current_process().daemon(); }
std::string start_a_process() {
  try {
    Process child(same, 1);
    child.start();
    child.join();
  } catch (const AssertionError& error) {
    return error.what();
  }
  return "started";
}
int apply_in_a_pool_of_its_own(int x) { return Pool(1).apply(same, x) + 1; }
std::string parents_name_in_a_pool_of_its_own() { return Pool(1).apply(name_of_parent); }

struct Refuses {
  int when = 0;  // 1: to be encoded, 2: to be decoded
  template <class A>
  void serialize(A& ar) {
    if (when == 1) throw std::domain_error("refuses to be encoded");
    ar(when);
    if (A::is_reading && when == 2) throw std::domain_error("refuses to be decoded");
  }
};
int take(const Refuses& argument) { return argument.when; }
Refuses give(int when) { return {when}; }

class PoolOfProcesses : public EveryMethod {
 protected:
  static PoolOptions workers(int count) { return {.processes = count, .context = context()}; }
};
PLAIT_FOR_EVERY_METHOD(PoolOfProcesses);

// ---- what workers are ----------------------------------------------------------------------------------------------

TEST_P(PoolOfProcesses, WorkersAreNamedAsInPythonAndDaemonic) {
  Pool pool(workers(1));
  const std::string kind = forks() ? "Fork" : std::string_view(GetParam()) == "spawn" ? "Spawn" : "ForkServer";
  EXPECT_THAT(pool.apply(name_of_worker), MatchesRegex(kind + "PoolWorker-[0-9]+"));
  EXPECT_TRUE(pool.apply(worker_is_daemonic));
  EXPECT_THAT(pool.apply(start_a_process), HasSubstr("daemonic processes are not allowed to have children"));
}

TEST_P(PoolOfProcesses, PoolsMayBeInTasksOfPools) {
  Pool pool(workers(1));
  EXPECT_EQ(pool.apply(apply_in_a_pool_of_its_own, 1), 2);
}

TEST_P(PoolOfProcesses, WorkersKnowTheirKin) {
  Pool pool(workers(1));
  EXPECT_EQ(pool.apply(name_of_parent), current_process().name());
  EXPECT_EQ(pool.apply(parents_name_in_a_pool_of_its_own), pool.apply(name_of_worker));
  EXPECT_EQ(pool.apply(key_of_worker), current_process().authkey());
  futures::ProcessPoolExecutor executor({.max_workers = 1, .mp_context = context()});
  EXPECT_EQ(executor.submit(key_of_worker).result(), current_process().authkey());
  EXPECT_EQ(executor.submit(name_of_parent).result(), current_process().name());
  EXPECT_FALSE(executor.submit(worker_is_daemonic).result());
}

TEST_P(PoolOfProcesses, KeyThatWasSetIsInherited) {
  const std::string before = current_process().authkey();
  current_process().set_authkey("secret");
  EXPECT_EQ(Pool(workers(1)).apply(key_of_worker), "secret");
  current_process().set_authkey(before);
}

TEST(PoolLog, SettingsAreInherited) {
  TemporaryFile file;
  const pid_t program = os::fork();
  if (program == 0) {
    redirect(STDERR_FILENO, file.path());
    log_to_stderr(INFO);
    {
      Pool pool({.processes = 1, .context = get_context("fork")});
      pool.apply([] { get_logger().info("in a task"); });
      pool.close();
      pool.join();
    }
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(file.text(), HasSubstr("in a task"));
  EXPECT_THAT(file.text(), testing::ContainsRegex("INFO/ForkPoolWorker-[0-9]+ pid=[0-9]+. child process calling"));
  EXPECT_THAT(file.text(), testing::ContainsRegex("INFO/ForkPoolWorker-[0-9]+ pid=[0-9]+. process exiting with"));
}

TEST_P(PoolOfProcesses, LogLevelIsInherited) {
  get_logger().set_level(DEBUG);
  EXPECT_EQ(Pool(workers(1)).apply([] { return get_logger().level(); }), DEBUG);
  futures::ProcessPoolExecutor executor({.max_workers = 1, .mp_context = context()});
  EXPECT_EQ(executor.submit([] { return get_logger().level(); }).result(), DEBUG);
  get_logger().set_level(NOTSET);
}

// ---- their number and age ------------------------------------------------------------------------------------------

TEST_P(PoolOfProcesses, MaxTasksPerChildReplacesWorkers) {
  PoolOptions options = workers(1);
  options.maxtasksperchild = 2;
  Pool pool(std::move(options));
  std::vector<int> pids;
  for (int task = 0; task < 6; ++task) pids.push_back(pool.apply(pid_of_worker));
  EXPECT_EQ(pids[0], pids[1]);
  EXPECT_EQ(pids[2], pids[3]);
  EXPECT_EQ(pids[4], pids[5]);
  EXPECT_EQ(std::set(pids.begin(), pids.end()).size(), 3U);
  const auto chunks = pool.map({.chunksize = 10}, pid_for, std::views::iota(0, 40));  // a chunk is one task
  EXPECT_EQ(std::set(chunks.begin(), chunks.end()).size(), 2U);
}

TEST_P(PoolOfProcesses, MaxTasksPerChildWithEarlyClose) {
  PoolOptions options = workers(3);
  options.maxtasksperchild = 1;
  Pool pool(std::move(options));
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 12; ++i) results.push_back(pool.apply_async(same, i));
  pool.close();
  pool.join();
  for (int i = 0; i < 12; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(0s), i);
}

// ---- tasks that fork -------------------------------------------------------------------------------------------

// The exit status of a child that returns from the task.
int fork_and_return(int value) {
  const pid_t child = os::fork();
  if (child == 0) return -value;
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
int fork_and_throw(int value) {
  const pid_t child = ::fork();
  if (child == 0) throw std::runtime_error("in the child");
  int status = -1;
  ::waitpid(child, &status, 0);
  return value + WEXITSTATUS(status);
}

TEST_P(PoolOfProcesses, ChildThatATaskHasForkedEndsWhenItReturns) {
  Pool pool(workers(1));
  EXPECT_EQ(pool.apply(fork_and_return, 5), 1);
  EXPECT_EQ(pool.apply(fork_and_throw, 6), 7);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(pool.apply(same, i), i);
}

// ---- where they run ------------------------------------------------------------------------------------------------

TEST_P(PoolOfProcesses, WorkersRunWhereTheirMakerDoesNow) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &before)) ++cpu;
  CPU_SET(cpu, &one);
  const auto count = [] { return os::process_cpu_count(); };
  const int all = Pool(workers(1)).apply(count);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(Pool(workers(1)).apply(count), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(Pool(workers(1)).apply(count), all);
}

TEST(PoolOptions, OutOfRangeAreRefused) {
  EXPECT_THROW(Pool({.maxtasksperchild = 0}), ValueError);
  EXPECT_THROW(Pool({.maxtasksperchild = -1}), ValueError);
  EXPECT_THROW(Pool(0), ValueError);
  EXPECT_THROW(pool::ThreadPool(0), ValueError);
  EXPECT_THAT(Pool().repr(), HasSubstr("pool_size=" + std::to_string(os::process_cpu_count())));
}

// ---- failures ------------------------------------------------------------------------------------------------------

TEST_P(PoolOfProcesses, WorkerThatDiesCostsOneTask) {
  Pool pool(workers(2));
  auto killed = pool.apply_async(die, SIGKILL);
  auto left = pool.apply_async(leave, 0);
  auto others = pool.map_async({.chunksize = 1}, same, std::views::iota(0, 100));
  try {
    killed.get(long_enough);
    FAIL() << "it lives";
  } catch (const WorkerDied& death) {
    EXPECT_EQ(death.signal(), SIGKILL);
    EXPECT_THAT(death.what(), HasSubstr("die"));
  }
  EXPECT_THROW(left.get(long_enough), WorkerDied);
  EXPECT_EQ(others.get(long_enough).size(), 100U);
  EXPECT_EQ(pool.apply(same, 1), 1);
}

TEST_P(PoolOfProcesses, WorkerThatDiesInAMapCostsItsChunk) {
  Pool pool(workers(2));
  EXPECT_THROW((void)pool.map({.chunksize = 2}, die_of_three, std::views::iota(0, 20)), WorkerDied);
  auto results = pool.imap(die_of_three, std::views::iota(2, 5));
  EXPECT_EQ(results.next(), 2);
  EXPECT_THROW((void)results.next(), WorkerDied);
  EXPECT_EQ(results.next(), 4);
  int sum = 0, lost = 0;
  auto unordered = pool.imap_unordered(die_of_three, std::views::iota(0, 20));
  for (int i = 0; i < 20; ++i) try {
      sum += unordered.next(long_enough).value();
    } catch (const WorkerDied&) {
      ++lost;
    }
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(sum, 190 - 3);
}

TEST_P(PoolOfProcesses, WhatCannotBeEncodedFailsAlone) {
  Pool pool(workers(1));
  std::atomic<int> told{0};
  std::atomic<bool> here{false};
  const auto self = std::this_thread::get_id();
  const auto on_error = [&](const std::exception&) {
    ++told;
    here = here || std::this_thread::get_id() == self;
  };
  for (const int when : {1, 2}) {
    auto argument = pool.apply_async({.error_callback = on_error}, take, Refuses{when});
    EXPECT_THROW((void)argument.get(long_enough), std::domain_error);
  }
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(here) << "callbacks come in a thread of the pool";
  EXPECT_THROW((void)pool.apply(give, 1), std::domain_error);
  EXPECT_THROW((void)pool.apply(give, 2), std::domain_error);
  EXPECT_THROW((void)pool.map({.chunksize = 1}, take, std::vector<Refuses>(3, Refuses{1})), std::domain_error);
  EXPECT_THROW((void)pool.map_async({.chunksize = 3}, give, std::vector{0, 1, 0}).get(), std::domain_error);
  EXPECT_EQ(pool.apply(same, 1), 1);
}

void refuse(int) { throw std::domain_error("on purpose"); }

TEST_P(PoolOfProcesses, ErrorsHaveTheTraceOfTheWorker) {
  Pool pool(workers(1));
  const auto trace_of = [](auto call) {
    try {
      call();
    } catch (const std::domain_error&) {
      return remote_traceback(std::current_exception()).value_or("no trace");
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(trace_of([&] { pool.apply(refuse, 1); }), HasSubstr("refuse"));
  EXPECT_THAT(trace_of([&] { pool.map({.chunksize = 2}, refuse, std::vector{1, 2}); }), HasSubstr("refuse"));
  std::string told;
  pool.apply_async(
          {.error_callback = [&](std::exception_ptr error) { told = remote_traceback(error).value_or("no trace"); }},
          refuse, 1)
      .wait();
  EXPECT_THAT(told, HasSubstr("refuse"));
}

std::optional<Connection<int>> connection_of_worker;

void take_connection(Connection<int> connection) { connection_of_worker = std::move(connection); }
void send_over_it(int x) { connection_of_worker->send(x); }

TEST_P(PoolOfProcesses, EachWorkersInitializerGetsTheConnection) {
  auto [here, there] = Pipe<int>({.duplex = false});
  PoolOptions options = workers(3);
  options.initializer = {take_connection, std::move(there)};
  Pool pool(std::move(options));
  for (int x = 0; x < 30; ++x) pool.apply_async(x % 10 == 9 ? die : send_over_it, x % 10 == 9 ? SIGKILL : x);
  std::multiset<int> sent, received;
  for (int x = 0; x < 30; ++x) {
    if (x % 10 == 9) continue;
    sent.insert(x);
    received.insert(here.recv());
  }
  EXPECT_EQ(received, sent);
}

void count_and_fail(std::string file) {
  tell(file, "x");
  throw std::runtime_error("no licence");
}
void count_and_crash(std::string file) {
  tell(file, "x");
  ::raise(SIGKILL);
}

TEST_P(PoolOfProcesses, InitializerThatFailsIsTriedABoundedNumberOfTimes) {
  for (const auto initializer : {count_and_fail, count_and_crash}) {
    TemporaryFile file;
    PoolOptions options = workers(2);
    options.initializer = {initializer, file.path()};
    Pool pool(std::move(options));
    try {
      (void)pool.map_async({.chunksize = 1}, same, std::views::iota(0, 100)).get(long_enough);
      FAIL() << "nothing was thrown";
    } catch (const BrokenProcessPool& error) {
      EXPECT_THAT(error.what(), HasSubstr(initializer == count_and_fail ? "no licence" : "initializer"));
    }
    EXPECT_THROW((void)pool.apply(same, 1), BrokenProcessPool);
    pool.close();
    pool.join();
    EXPECT_LE(file.text().size(), 10U);
  }
}

void ignore_sigterm_and_hang(std::string gate) {
  ::signal(SIGTERM, SIG_IGN);
  wait_for_death(std::move(gate));
}

TEST_P(PoolOfProcesses, TerminateKillsWhoIgnoresSigterm) {
  Pool pool(workers(2));
  Gate gate;
  auto stubborn = pool.apply_async(ignore_sigterm_and_hang, gate.name());
  gate.pass();
  pool.terminate();
  try {
    stubborn.get(0s);
    FAIL() << "nothing was thrown";
  } catch (const WorkerDied& death) {
    EXPECT_EQ(death.signal(), SIGKILL);
  }
}

TEST_P(PoolOfProcesses, TerminateInSeveralThreadsAtOnce) {
  Pool pool(workers(2));
  Gate gate;
  auto running = pool.apply_async(wait_for_death, gate.name());
  gate.pass();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { pool.terminate(); });
  }
  EXPECT_THROW(running.get(0s), WorkerDied);
}

// ---- races ---------------------------------------------------------------------------------------------------------

TEST_P(PoolOfProcesses, CallbacksAreNotLostWhenThePoolCloses) {
  for (int round = 0; round < (forks() ? 5 : 20); ++round) {
    std::atomic<int> told{0};
    Pool pool(workers(1));
    std::vector<AsyncResult<int>> results;
    for (int i = 0; i < 20; ++i) results.push_back(pool.apply_async({.callback = [&](int) { ++told; }}, same, i));
    pool.close();
    if (round % 2 == 0) {
      for (const auto& result : results) result.wait();  // this thread collects, too
    }
    pool.join();
    EXPECT_EQ(told, 20);
  }
}

TEST(PoolOfManyThreads, AllUseItAtOnce) {
  Pool pool(2);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(pool.apply(same, round), round);
        EXPECT_EQ(pool.map({.chunksize = 3}, same, std::views::iota(0, 50)).size(), 50U);
        int sum = 0;
        for (int x : pool.imap_unordered(same, std::views::iota(0, 50))) sum += x;
        EXPECT_EQ(sum, 1225);
      }
    });
  }
}

TEST(PoolAndFork, ChildCannotUseThePoolOfItsParent) {
  Pool pool(1);
  pool::ThreadPool threads(1);
  EXPECT_EQ(pool.apply(same, 1) + threads.apply(same, 1), 2);
  const pid_t child = os::fork();
  if (child == 0) {
    int refused = 0;
    try {
      (void)pool.apply(same, 1);
    } catch (const RuntimeError&) {
      ++refused;
    }
    try {
      (void)threads.apply(same, 1);
    } catch (const RuntimeError&) {
      ++refused;
    }
    pool.terminate();
    pool.close();
    threads.terminate();
    threads.close();
    ::_exit(refused);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_EQ(pool.apply(same, 2), 2);
}

}  // namespace
}  // namespace plait::multiprocessing
