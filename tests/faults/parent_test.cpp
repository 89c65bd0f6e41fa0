// SPDX-License-Identifier: Apache-2.0
// The parent's end, however it comes: P1, P2, P5 and P6 of the fault list. Parents are programs of their own.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "fault_test.hpp"

namespace plait::faults {

using testing::HasSubstr;

// ---- P1 ------------------------------------------------------------------------------------------------------------

class FaultP1 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultP1, "forkserver", "spawn", "fork");

TEST_P(FaultP1, KilledWhileIdle) { kill_parent(PLAIT_PROGRAM_PARENT, {GetParam(), "idle"}, "idle"); }
TEST_P(FaultP1, KilledWhileBusy) { kill_parent(PLAIT_PROGRAM_PARENT, {GetParam(), "busy"}, "busy"); }

// In the middle of a start, before a worker is ready, when only one is.
TEST_P(FaultP1, KilledWhileWorkersStart) {
  kill_starting_parent(PLAIT_PROGRAM_PARENT, {GetParam(), "starting"}, spawns(), soak() ? 500 : 15);
}

// ---- P2 ------------------------------------------------------------------------------------------------------------

class FaultP2 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultP2, "forkserver", "spawn", "fork");

TEST_P(FaultP2, WorkersOutliveTheThreadThatStartedThem) {
  std::unique_ptr<ProcessPoolExecutor> pool;
  pid_t worker = 0;
  std::thread([&] {
    pool = std::make_unique<ProcessPoolExecutor>(workers(1));
    worker = pool->submit(own_pid).result();
  }).join();
  // Were the worker tied to that thread, it would be on its way out now.
  EXPECT_FALSE(dies_within(worker, std::chrono::milliseconds(200)));
  EXPECT_EQ(pool->submit(own_pid).result(T), worker);
}

TEST_P(FaultP2, RunningTaskOutlivesTheThreadThatSubmittedIt) {
  Fifo started(folder_.file("started"));
  std::unique_ptr<ProcessPoolExecutor> pool;
  Future<pid_t> running;
  pid_t worker = 0;
  std::thread([&] {
    pool = std::make_unique<ProcessPoolExecutor>(workers(1));
    running = pool->submit(tell_and_wait_for, started.path(), folder_.file("go_on"));
    worker = started.pid();
  }).join();
  EXPECT_FALSE(dies_within(worker, std::chrono::milliseconds(200)));
  std::filesystem::create_directory(folder_.file("go_on"));
  EXPECT_EQ(running.result(T), worker);
}

// ---- P5 ------------------------------------------------------------------------------------------------------------

class FaultP5 : public OverStartMethods {
 protected:
  void leave(const std::string& how, int exit_code, int signal, bool waits_for_tasks) {
    const Newcomers processes;
    const std::string file = folder_.file("bytes");
    Program leaver(PLAIT_PROGRAM_LEAVER, {GetParam(), how, file});
    const Program::End end = leaver.wait(5 * T);
    EXPECT_EQ(end.exit_code, exit_code) << end.errors;
    EXPECT_EQ(end.signal, signal) << end.errors;
    EXPECT_TRUE(processes.gone_within(T)) << processes.now().size() << " processes are left";
    if (waits_for_tasks) {
      EXPECT_EQ(std::filesystem::file_size(file), 20U);
    }
    if (signal == 0) {
      EXPECT_EQ(end.errors, "");
    }
    EXPECT_EQ(end.output, "");
  }
};
PLAIT_OVER_START_METHODS(FaultP5, "forkserver", "spawn", "fork");

TEST_P(FaultP5, Return) { leave("return", 0, 0, true); }
TEST_P(FaultP5, ReturnWithLeakedPool) { leave("return_with_leaked_pool", 0, 0, true); }
TEST_P(FaultP5, ReturnWithStaticPool) { leave("return_with_static_pool", 0, 0, true); }
TEST_P(FaultP5, Exit) { leave("exit", 5, 0, true); }
TEST_P(FaultP5, ExitInAnotherThread) { leave("exit_in_other_thread", 5, 0, true); }
TEST_P(FaultP5, ExitInACallback) { leave("exit_in_a_callback", 5, 0, false); }
TEST_P(FaultP5, ExitAndSubmitLate) { leave("exit_and_submit_late", 5, 0, true); }
TEST_P(FaultP5, ExitOfAForkedChild) { leave("exit_of_a_forked_child", 5, 0, true); }
TEST_P(FaultP5, UnderscoreExitWhileBusy) { leave("_exit", 6, 0, false); }
TEST_P(FaultP5, QuickExitWhileBusy) { leave("quick_exit", 7, 0, false); }
TEST_P(FaultP5, AbortWhileBusy) { leave("abort", -1, SIGABRT, false); }
TEST_P(FaultP5, UncaughtExceptionWhileBusy) { leave("uncaught", -1, SIGABRT, false); }

// ---- P6 ------------------------------------------------------------------------------------------------------------

class FaultP6 : public OverStartMethods {
 protected:
  // Nobody has told the program to catch Ctrl-C: it dies of it, and all goes with it, silently.
  void interrupt_default(const std::string& state) {
    const Newcomers processes;
    {
      Program program(PLAIT_PROGRAM_INTERRUPTED, {GetParam(), state, "default", folder_.path()}, {.own_group = true});
      EXPECT_EQ(program.line(), state);
      program.kill_group(SIGINT);
      const Program::End end = program.wait(T);
      EXPECT_EQ(end.signal, SIGINT);
      EXPECT_EQ(end.errors, "");
    }
    EXPECT_TRUE(processes.gone_within(T));
  }

  // The program has a handler: it alone is interrupted; workers and their tasks are not.
  void interrupt_handled(const std::string& state, int times) {
    Program program(PLAIT_PROGRAM_INTERRUPTED, {GetParam(), state, "handled", folder_.path()}, {.own_group = true});
    EXPECT_EQ(program.line(), state);
    for (int i = 1; i <= times; ++i) {
      program.kill_group(SIGINT);
      EXPECT_EQ(program.line(), "interrupt " + std::to_string(i));
    }
    std::filesystem::create_directory(folder_.file("enough"));
    const Program::End end = program.wait(10 * T);
    EXPECT_EQ(end.exit_code, 0);
    EXPECT_EQ(end.output, "interrupts: " + std::to_string(times) + ", all right\n");
    EXPECT_EQ(end.errors, "");
  }
};
PLAIT_OVER_START_METHODS(FaultP6, "forkserver", "spawn", "fork");

TEST_P(FaultP6, InterruptedWhileIdle) { interrupt_default("idle"); }
TEST_P(FaultP6, InterruptedWhileBusy) { interrupt_default("busy"); }
TEST_P(FaultP6, InterruptedWhileSubmitting) { interrupt_default("submitting"); }
TEST_P(FaultP6, HandlerInterruptedWhileIdle) { interrupt_handled("idle", 1); }
TEST_P(FaultP6, HandlerInterruptedWhileBusy) { interrupt_handled("busy", 1); }
TEST_P(FaultP6, HandlerInterruptedWhileSubmitting) { interrupt_handled("submitting", 1); }
TEST_P(FaultP6, HandlerInterruptedTwice) { interrupt_handled("busy", 2); }

}  // namespace plait::faults
