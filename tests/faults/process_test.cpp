// SPDX-License-Identifier: Apache-2.0
// The rows of the fault list that are about processes at large, over plain ones: multiprocessing::Process. What a row
// means for the workers of pools is in the other files.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "belongings.hpp"
#include "fault_test.hpp"
#include "plait/os.hpp"
#include "support/leak_check.hpp"

namespace plait::faults {
namespace {

using multiprocessing::Process;

class ProcessFault : public OverStartMethods {
 protected:
  // Its end, within T.
  static std::optional<int> end_of(Process& process) {
    process.join(T);
    EXPECT_FALSE(process.is_alive());
    return process.exitcode();
  }
  // That it works, with a status that the host may have taken if it is the host's child.
  static void expect_end(Process& process, int code) {
    const auto seen = end_of(process);
    if (seen || !forks()) {
      EXPECT_EQ(seen, code);
    }
  }
  void expect_w1() {
    Fifo started(folder_.file("started"));
    Process victim = start(tell_and_hang, started.path()), other = start([] { std::exit(3); });
    ASSERT_EQ(::kill(started.pid(), SIGKILL), 0);
    expect_end(victim, -SIGKILL);
    expect_end(other, 3);
  }
};

// ---- W1, W2 --------------------------------------------------------------------------------------------------------

class FaultW1OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultW1OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultW1OfProcesses, KilledWhileItRuns) { expect_w1(); }

class FaultW2OfProcesses : public ProcessFault {
 protected:
  template <class F>
  static std::optional<int> code_of(F deed) {
    Process process = start(deed);
    return end_of(process);
  }
};
PLAIT_OVER_START_METHODS(FaultW2OfProcesses, "forkserver", "spawn", "fork");

void throw_one() { throw 1; }
void let_it_out() noexcept { throw_one(); }

TEST_P(FaultW2OfProcesses, ExactCause) {
  EXPECT_EQ(code_of([] {
              ::signal(SIGSEGV, SIG_DFL);
              ::raise(SIGSEGV);
            }),
            -SIGSEGV);
  EXPECT_EQ(code_of([] {
              ::signal(SIGABRT, SIG_DFL);
              std::abort();
            }),
            -SIGABRT);
  EXPECT_EQ(code_of([] {
              ::close(STDERR_FILENO);
              ::signal(SIGABRT, SIG_DFL);
              let_it_out();
            }),
            -SIGABRT);
  EXPECT_EQ(code_of([] { ::_exit(0); }), 0);
  EXPECT_EQ(code_of([] { ::_exit(99); }), 99);
}

// ---- P1, P2, P4, P5, P6 --------------------------------------------------------------------------------------------

class FaultP1OfProcesses : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultP1OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultP1OfProcesses, KilledWhileBusy) {
  kill_parent(PLAIT_PROGRAM_PROCESS_PARENT, {GetParam(), "live", "busy"}, "busy");
}

TEST_P(FaultP1OfProcesses, KilledWhileProcessesStart) {
  kill_starting_parent(PLAIT_PROGRAM_PROCESS_PARENT, {GetParam(), "live", "starting"}, spawns(), soak() ? 500 : 10);
}

class FaultP2OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultP2OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultP2OfProcesses, OutlivesTheThreadThatStartedIt) {
  Fifo started(folder_.file("started"));
  std::optional<Process> process;
  std::thread([&] {
    process = start(tell_and_wait_for, started.path(), folder_.file("go_on"));
    started.pid();
  }).join();
  process->join(std::chrono::milliseconds(100));
  EXPECT_TRUE(process->is_alive());
  std::filesystem::create_directory(folder_.file("go_on"));
  EXPECT_EQ(end_of(*process), 0);
}

class FaultP4OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultP4OfProcesses, "forkserver", "spawn");

TEST_P(FaultP4OfProcesses, ForkServerKilled) {
  tests::allow_leaks_in_this_test();  // a new server takes the place of the one that was there
  Fifo started(folder_.file("started"));
  Process process = start(tell_and_wait_for, started.path(), folder_.file("go_on"));
  started.pid();
  for (const tests::FamilyMember& member : tests::family()) {
    if (member.name == "plait-forkserve") ::kill(member.pid, SIGKILL);
  }
  Process next = start([] { std::exit(4); });
  EXPECT_EQ(end_of(next), 4);
  std::filesystem::create_directory(folder_.file("go_on"));
  process.join(T);
  EXPECT_FALSE(process.is_alive()) << "its status may be lost, its end is not";
}

class FaultP5OfProcesses : public OverStartMethods {
 protected:
  void leave(const std::string& how, int exit_code, int signal, bool waits) {
    const Newcomers processes;
    const std::string folder = folder_.path();
    Program leaver(PLAIT_PROGRAM_PROCESS_PARENT, {GetParam(), "leave", how, folder});
    const Program::End end = leaver.wait(5 * T);
    EXPECT_EQ(end.exit_code, exit_code) << end.errors;
    EXPECT_EQ(end.signal, signal) << end.errors;
    EXPECT_TRUE(processes.gone_within(T)) << processes.now().size() << " processes are left";
    if (waits) {
      EXPECT_EQ(std::filesystem::file_size(folder + "/bytes"), 2U);
    }
    if (signal == 0) {
      EXPECT_EQ(end.errors, "");
    }
    EXPECT_EQ(end.output, "");
  }
};
PLAIT_OVER_START_METHODS(FaultP5OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultP5OfProcesses, Return) { leave("return", 0, 0, true); }
TEST_P(FaultP5OfProcesses, ReturnWithStaticObjects) { leave("return_with_static_objects", 0, 0, true); }
TEST_P(FaultP5OfProcesses, ReturnAndForget) { leave("return_and_forget", 0, 0, true); }
TEST_P(FaultP5OfProcesses, Exit) { leave("exit", 5, 0, true); }
TEST_P(FaultP5OfProcesses, ExitInAnotherThread) { leave("exit_in_other_thread", 5, 0, true); }
TEST_P(FaultP5OfProcesses, UnderscoreExit) { leave("_exit", 6, 0, false); }
TEST_P(FaultP5OfProcesses, QuickExit) { leave("quick_exit", 7, 0, false); }
TEST_P(FaultP5OfProcesses, Abort) { leave("abort", -1, SIGABRT, false); }
TEST_P(FaultP5OfProcesses, UncaughtException) { leave("uncaught", -1, SIGABRT, false); }

class FaultP6OfProcesses : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultP6OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultP6OfProcesses, InterruptedProgramTakesThemWithIt) {
  const Newcomers processes;
  {
    Program program(PLAIT_PROGRAM_PROCESS_PARENT, {GetParam(), "hear", "default", folder_.path()}, {.own_group = true});
    EXPECT_EQ(program.line(), "ready");
    program.kill_group(SIGINT);
    const Program::End end = program.wait(T);
    EXPECT_EQ(end.signal, SIGINT);
    EXPECT_EQ(end.errors, "");
  }
  EXPECT_TRUE(processes.gone_within(T));
}

TEST_P(FaultP6OfProcesses, ProgramThatHandlesItIsAloneInHearingIt) {
  Program program(PLAIT_PROGRAM_PROCESS_PARENT, {GetParam(), "hear", "handled", folder_.path()}, {.own_group = true});
  EXPECT_EQ(program.line(), "ready");
  for (int i = 1; i <= 2; ++i) {
    program.kill_group(SIGINT);
    EXPECT_EQ(program.line(), "interrupt " + std::to_string(i));
  }
  std::filesystem::create_directory(folder_.file("enough"));
  const Program::End end = program.wait(10 * T);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.output, "interrupts: 2\n");
  EXPECT_EQ(end.errors, "");
}

// ---- F1, F3 --------------------------------------------------------------------------------------------------------

class FaultF1OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultF1OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultF1OfProcesses, HostForksWhileThreadsStartAndAsk) {
  std::atomic<bool> stop{false};
  Fifo started(folder_.file("started"));
  Process held = start(tell_and_hang, started.path());
  started.pid();
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!stop) start([] {}).join();
  });
  threads.emplace_back([&] {
    while (!stop) static_cast<void>(held.repr());
  });
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    const pid_t child = os::fork();
    if (child == 0) {
      try {
        held.join();
        ::_exit(1);
      } catch (const AssertionError&) {
      }
      Process own({.name = {}, .daemon = {}, .context = multiprocessing::get_context(GetParam())},
                  [] { std::exit(6); });
      own.start();
      own.join();
      ::_exit(own.exitcode().value_or(2));
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 6);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  held.kill();
}

class FaultF3OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultF3OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultF3OfProcesses, ThreadsHammerMallocAndStdio) {
  std::atomic<bool> stop{false};
  std::FILE* const sink = std::fopen("/dev/null", "we");
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        std::vector<std::unique_ptr<char[]>> blocks;
        for (std::size_t n = 1; n < 5'000; n *= 3) blocks.push_back(std::make_unique<char[]>(n));
        std::fprintf(sink, "%p\n", static_cast<void*>(blocks.back().get()));
      }
    });
  }
  for (int i = 0; i < (soak() ? 10'000 : 30) && !HasFailure(); ++i) {
    Process process = start([] { std::exit(std::make_unique<std::string>(100, 'x')->size() == 100 ? 7 : 8); });
    process.join(std::chrono::seconds(60));
    EXPECT_EQ(process.exitcode(), 7);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  std::fclose(sink);
}

// ---- H1, H2, H3 ----------------------------------------------------------------------------------------------------

class FaultH1OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultH1OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultH1OfProcesses, HostThreadWaitsForAnyChild) {
  std::atomic<bool> stop{false};
  std::thread reaper([&] {
    while (!stop) {
      const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
      EXPECT_TRUE(pid <= 0 || forks()) << "the host's wait(-1) saw process " << pid;
      std::this_thread::yield();
    }
  });
  for (int round = 0; round < 5 && !HasFailure(); ++round) expect_w1();
  stop = true;
  reaper.join();
}

class FaultH2OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultH2OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultH2OfProcesses, ChildSignalIgnored) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  expect_w1();
  EXPECT_EQ(::signal(SIGCHLD, before), SIG_IGN);
}

class FaultH3OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultH3OfProcesses, "forkserver", "spawn", "fork");

TEST_P(FaultH3OfProcesses, SignalsBlockedAndDirectoryGone) {
  const auto before = std::filesystem::current_path();
  std::filesystem::create_directory(folder_.file("gone"));
  std::filesystem::current_path(folder_.file("gone"));
  std::filesystem::remove(folder_.file("gone"));
  const mode_t mask = ::umask(0777);
  sigset_t all, unblocked;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &unblocked);
  Process process = start([] {
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    std::exit(::sigismember(&blocked, SIGTERM) == 0 ? 9 : 10);
  });
  EXPECT_EQ(end_of(process), 9);
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &unblocked, &after);
  EXPECT_EQ(::sigismember(&after, SIGTERM), 1) << "the host's mask was changed";
  ::umask(mask);
  std::filesystem::current_path(before);
}

// ---- R1, R8 --------------------------------------------------------------------------------------------------------

class FaultR1OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultR1OfProcesses, "forkserver", "spawn", "fork");

// In a copy of this program whose descriptors run out: each start works or says why not; nothing hangs, nothing is
// left.
TEST_P(FaultR1OfProcesses, DescriptorsRunOut) {
  const pid_t program = os::fork();
  if (program == 0) {
    start([] {}).join();  // the family is there
    const auto limit = static_cast<rlim_t>(open_descriptors() + 5);
    const rlimit both{limit, limit};
    ::setrlimit(RLIMIT_NOFILE, &both);
    std::vector<Process> alive;
    int refused = 0;
    for (int i = 0; i < 12; ++i) {
      Process process({.name = {}, .daemon = true, .context = multiprocessing::get_context(GetParam())}, [] {
        for (;;) ::pause();
      });
      try {
        process.start();
        alive.push_back(std::move(process));
      } catch (const std::system_error& error) {
        if (error.code() != std::errc::too_many_files_open) ::_exit(1);
        ++refused;
      }
    }
    if (alive.empty() || refused == 0 || multiprocessing::active_children().size() != alive.size()) ::_exit(2);
    for (Process& process : alive) process.kill();
    for (Process& process : alive) process.join();
    for (Process& process : alive) {
      if (process.exitcode() != -SIGKILL) ::_exit(3);
    }
    alive.clear();
    Process again = start([] { std::exit(5); });
    again.join();
    ::_exit(again.exitcode() == 5 ? 0 : 4);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

class FaultR8OfProcesses : public ProcessFault {};
PLAIT_OVER_START_METHODS(FaultR8OfProcesses, "forkserver", "spawn", "fork");

// In batches, so that memory suffices: of what one has had, nothing is left for the next.
TEST_P(FaultR8OfProcesses, AThousandProcesses) {
  const int at_a_time = soak() ? 1'000 : sanitized ? 20 : 100, batches = sanitized ? 3 : 10;
  const auto run_batch = [&] {
    const std::size_t descriptors = open_descriptors();
    std::vector<Process> processes;
    for (int i = 0; i < at_a_time; ++i) {
      processes.push_back(start([] {
        for (;;) ::pause();
      }));
    }
    EXPECT_EQ(multiprocessing::active_children().size(), static_cast<std::size_t>(at_a_time));
    EXPECT_LE(open_descriptors(), descriptors + static_cast<std::size_t>(at_a_time) + 8) << "more than one for each";
    for (Process& process : processes) process.terminate();
    for (Process& process : processes) EXPECT_EQ(end_of(process), -SIGTERM);
  };
  run_batch();
  const Belongings before;
  for (int batch = 1; batch < batches && !HasFailure(); ++batch) run_batch();
  expect_no_more_than(before);
}

}  // namespace
}  // namespace plait::faults
