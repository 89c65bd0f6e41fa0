// SPDX-License-Identifier: Apache-2.0
// What a Process finds in its child, and how the child ends.
#include <gmock/gmock.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <thread>

#include "child.hpp"
#include "os/file_descriptor.hpp"
#include "plait/errors.hpp"
#include "plait/futures.hpp"
#include "plait/threading.hpp"

namespace plait::multiprocessing {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ProcessChild : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(ProcessChild);

// ---- who it is -----------------------------------------------------------------------------------------------------

std::string introduction() {
  const Process self = current_process();
  const auto parent = parent_process();
  return self.name() + (self.daemon() ? " daemon" : "") + " key " + self.authkey() + " of " + parent->name() + ' ' +
         std::to_string(parent->pid()) + (parent->is_alive() ? " alive" : " dead") +
         (self.pid() == os::getpid() && self.ident() == self.pid() ? " pid" : "") + ' ' + get_start_method();
}

TEST_P(ProcessChild, KnowsWhoItIs) {
  TemporaryFile file;
  Process process(
      {.name = "spider", .daemon = true, .context = context()}, [](std::string path) { tell(path, introduction()); },
      file.path());
  process.set_authkey("secret");
  set_start_method({.force = true}, "spawn");
  process.start();
  set_start_method({.force = true}, std::nullopt);
  process.join();
  EXPECT_EQ(file.text(),
            "spider daemon key secret of MainProcess " + std::to_string(os::getpid()) + " alive pid spawn");
}

TEST_P(ProcessChild, RepresentsItself) {
  TemporaryFile file;
  Process process(
      {.name = "spider", .context = context()}, [](std::string path) { tell(path, current_process().repr()); },
      file.path());
  process.start();
  process.join();
  EXPECT_EQ(file.text(), "<Process name='spider' pid=" + std::to_string(*process.pid()) +
                             " parent=" + std::to_string(os::getpid()) + " started>");
}

void name_inner(std::string method, std::string path, int depth) {
  tell(path, current_process().name() + ' ');
  if (depth == 0) return;
  for (int i = 0; i < 2; ++i) {
    Process inner({.context = get_context(method)}, name_inner, method, path, depth - 1);
    inner.start();
    inner.join();
  }
}

TEST_P(ProcessChild, ChildrenOfChildrenAreNumbered) {
  TemporaryFile file;
  Process process = started(name_inner, GetParam(), file.path(), 2);
  const std::string name = process.name();
  process.join();
  const std::string number = name.substr(name.find('-'));
  std::string expected = name + ' ';
  const std::string kind = name.substr(0, name.find('-'));
  for (const char* inner : {":1", ":1:1", ":1:2", ":2", ":2:1", ":2:2"}) expected += kind + number + inner + ' ';
  EXPECT_EQ(file.text(), expected);
}

TEST_P(ProcessChild, DaemonIsInheritedAndMayHaveNoChildren) {
  TemporaryFile file;
  Process process(
      {.daemon = true, .context = context()},
      [](std::string path, std::string method) {
        Process inner({.context = get_context(method)}, [] {});
        try {
          inner.start();
        } catch (const AssertionError& error) {
          tell(path, (inner.daemon() ? "daemon: " : "") + std::string(error.what()));
        }
      },
      file.path(), GetParam());
  process.start();
  process.join();
  EXPECT_EQ(file.text(), "daemon: daemonic processes are not allowed to have children");
}

TEST_P(ProcessChild, ParentIsStillThereWhenTheWaitForItTimesOut) {
  EXPECT_EQ(code_of([] {
              parent_process()->join(0s);
              parent_process()->join(10ms);
              std::exit(parent_process()->is_alive() ? 3 : 4);
            }),
            3);
}

std::string introduce_worker() { return current_process().name() + " of " + std::to_string(parent_process()->pid()); }

std::string introduce_inner_worker(std::string method) {
  return futures::ProcessPoolExecutor({.max_workers = 1, .mp_context = get_context(method)})
      .submit(introduce_worker)
      .result();
}

TEST_P(ProcessChild, WorkersOfPoolsAreChildrenToo) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const auto of_here = testing::MatchesRegex("Worker-[0-9]+ of " + std::to_string(os::getpid()));
  EXPECT_THAT(pool.submit(introduce_worker).result(), of_here);
  const pid_t worker = pool.submit([] { return os::getpid(); }).result();
  EXPECT_THAT(pool.submit(introduce_inner_worker, GetParam()).result(),
              testing::MatchesRegex("Worker-[0-9]+ of " + std::to_string(worker)));
  EXPECT_EQ(current_process().name(), "MainProcess");
}

TEST_P(ProcessChild, HasItsMakersWorkingDirectory) {
  TemporaryFile file;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path("/usr");
  Process process =
      started([](std::string path) { tell(path, std::filesystem::current_path().native()); }, file.path());
  std::filesystem::current_path(before);
  process.join();
  EXPECT_EQ(file.text(), "/usr");
}

TEST_P(ProcessChild, HasNoStandardInput) {
  EXPECT_EQ(code_of([] { std::exit(std::getchar() == EOF ? 5 : 6); }), 5);
}

TEST_P(ProcessChild, StandardInputMayBeClosed) {
  const pid_t host = os::fork();
  if (host == 0) {
    ::close(STDIN_FILENO);
    ::_exit(code_of([] { std::exit(std::getchar() == EOF ? 5 : 6); }).value_or(7));
  }
  int status = -1;
  EXPECT_EQ(::waitpid(host, &status, 0), host);
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

int descriptors() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count - 1;  // the listing's own
}

TEST_P(ProcessChild, HasNoDescriptorsOfItsMaker) {
  if (forks()) GTEST_SKIP() << "fork inherits everything, as its name says";
  const int leaky = ::open("/dev/zero", O_RDONLY);          // not close-on-exec
  EXPECT_EQ(code_of([] { std::exit(descriptors()); }), 5);  // standard streams, shared heap, lifeline
  ::close(leaky);
}

TEST_P(ProcessChild, DescriptorsDoNotGrow) {
  code_of([] {});
  const int before = descriptors();
  for (int i = 0; i < 30; ++i) EXPECT_EQ(code_of([] {}), 0);
  EXPECT_LE(descriptors(), before + 1) << "the last may still be in the hands of the thread that reported it";
}

// ---- how it ends ---------------------------------------------------------------------------------------------------

TEST_P(ProcessChild, ExitCodes) {
  EXPECT_EQ(code_of([] {}), 0);
  EXPECT_EQ(code_of([] { std::exit(3); }), 3);
  EXPECT_EQ(code_of([] { std::exit(-1); }), 255);
  EXPECT_EQ(code_of([] { std::exit(256); }), 0);
  EXPECT_EQ(code_of([] { ::_exit(7); }), 7);
  EXPECT_EQ(code_of([] { ::pthread_exit(nullptr); }), 0);
  EXPECT_EQ(code_of([] { std::thread([] { std::exit(8); }).join(); }), 8);
}

TEST_P(ProcessChild, SystemExitIsNoError) {
  TemporaryFile file;
  const auto leave = [](std::string path, int code) {
    redirect(STDERR_FILENO, path);
    throw SystemExit(code);
  };
  EXPECT_EQ(code_of(leave, file.path(), 0), 0);
  EXPECT_EQ(code_of(leave, file.path(), 9), 9);
  EXPECT_EQ(code_of(leave, file.path(), -1), 255);
  EXPECT_EQ(code_of(leave, file.path(), 256), 0);
  EXPECT_EQ(file.text(), "");
}

TEST_P(ProcessChild, DeathBySignalIsANegativeCode) {
  EXPECT_EQ(code_of([] { ::raise(SIGKILL); }), -SIGKILL);
  EXPECT_EQ(code_of([] { ::raise(SIGUSR1); }), -SIGUSR1);
  EXPECT_EQ(code_of([] {
              ::signal(SIGABRT, SIG_DFL);
              std::abort();
            }),
            -SIGABRT);
}

__attribute__((noinline)) void throw_far_below(const std::string& why) { throw std::invalid_argument(why); }

TEST_P(ProcessChild, UncaughtExceptionIsPrintedWithTheStackOfItsThrow) {
  TemporaryFile file;
  Process process(
      {.name = "spider", .context = context()},
      [](std::string path) {
        redirect(STDERR_FILENO, path);
        throw_far_below("no such page");
      },
      file.path());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_THAT(file.text(), StartsWith("Process spider:\nstd::invalid_argument: no such page\n"));
  EXPECT_THAT(file.text(), HasSubstr("throw_far_below"));
}

TEST_P(ProcessChild, ExceptionsThatAreNoneArePrintedToo) {
  TemporaryFile file;
  EXPECT_EQ(code_of(
                [](std::string path) {
                  redirect(STDERR_FILENO, path);
                  throw 42;
                },
                file.path()),
            1);
  EXPECT_THAT(file.text(), HasSubstr("int: 42"));
}

std::string exit_report;

TEST_P(ProcessChild, WhatItRegisteredForItsExitIsRun) {
  static const bool registered = std::atexit([] {
                                   if (!exit_report.empty()) tell(exit_report, "maker's ");
                                 }) == 0;
  EXPECT_TRUE(registered);
  TemporaryFile file;
  const auto leave = [](std::string path, int way) {
    redirect(STDERR_FILENO, "/dev/null");
    exit_report = std::move(path);
    std::atexit([] { tell(exit_report, "first "); });
    std::atexit([] { tell(exit_report, "second "); });
    if (way == 1) throw std::runtime_error("error");
    if (way == 2) throw SystemExit(2);
    if (way == 3) std::exit(3);
  };
  for (int way = 0; way < 4; ++way) EXPECT_EQ(code_of(leave, file.path(), way), way);
  EXPECT_EQ(file.text(), "second first second first second first second first ");
}

TEST_P(ProcessChild, WaitsForItsThreads) {
  TemporaryFile file;
  EXPECT_EQ(code_of(
                [](std::string path) {
                  Gate gate;
                  std::make_shared<threading::Thread>(
                      threading::Thread::Options{.daemon = false},
                      [path](std::string name) {
                        Gate::wait_at(name);
                        std::this_thread::sleep_for(20ms);
                        tell(path, "thread");
                      },
                      gate.name())
                      ->start();
                  gate.pass();
                },
                file.path()),
            0);
  EXPECT_EQ(file.text(), "thread");
}

TEST_P(ProcessChild, DoesNotWaitForDaemonicThreads) {
  EXPECT_EQ(code_of([] {
              std::make_shared<threading::Thread>(threading::Thread::Options{.daemon = true}, [] {
                for (;;) ::pause();
              })->start();
            }),
            0);
}

TEST_P(ProcessChild, WaitsForItsProcessesAndTerminatesDaemons) {
  TemporaryFile file;
  EXPECT_EQ(code_of(
                [](std::string path, std::string method) {
                  Gate gate, other;
                  auto daemon = std::make_shared<Process>(
                      Process::Options{.daemon = true, .context = get_context(method)}, wait_for_death, gate.name());
                  daemon->start();
                  gate.pass();
                  std::make_shared<Process>(
                      Process::Options{.context = get_context(method)},
                      [](std::string name, std::string file_path) {
                        Gate::wait_at(name);
                        tell(file_path, "inner");
                      },
                      other.name(), path)
                      ->start();
                  other.pass();
                },
                file.path(), GetParam()),
            0);
  EXPECT_EQ(file.text(), "inner");
}

TEST_P(ProcessChild, FlushesItsOutput) {
  TemporaryFile file;
  EXPECT_EQ(code_of(
                [](std::string path) {
                  redirect(STDOUT_FILENO, path);
                  std::fputs("stdout;", stdout);
                  std::ios::sync_with_stdio(false);
                  std::cout << "cout;";
                },
                file.path()),
            0);
  EXPECT_THAT(file.text(), HasSubstr("stdout;"));
  EXPECT_THAT(file.text(), HasSubstr("cout;"));
}

class FailingBuffer final : public std::streambuf {
  int sync() override { throw std::runtime_error("flush"); }
};

TEST_P(ProcessChild, ErrorsOfFlushingDoNotCrashIt) {
  EXPECT_EQ(code_of([] { ::close(STDOUT_FILENO); }), 0);
  EXPECT_EQ(code_of([] {
              static auto* const buffer = new FailingBuffer;
              std::cout.rdbuf(buffer);
              std::cout.exceptions(std::ios::badbit | std::ios::failbit);
            }),
            0);
  EXPECT_EQ(code_of([] {
              redirect(STDOUT_FILENO, "/dev/full");
              std::puts("text");
            }),
            0);
}

// ---- copies of a process -------------------------------------------------------------------------------------------

int in_a_fork(const std::function<int()>& f) {
  const pid_t child = os::fork();
  if (child == 0) ::_exit(f());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

template <class Error, class F>
bool throws(F f) {
  try {
    f();
  } catch (const Error&) {
    return true;
  }
  return false;
}

TEST_P(ProcessChild, HandlesOfTheMakerThrowInAFork) {
  Gate gate;
  Process process = started(wait_for_death, gate.name()), unstarted(options(), [] {});
  gate.pass();
  EXPECT_EQ(in_a_fork([&] {
              const bool right = throws<AssertionError>([&] { process.join(); }) &&
                                 throws<AssertionError>([&] { process.terminate(); }) &&
                                 throws<AssertionError>([&] { process.kill(); }) &&
                                 throws<AssertionError>([&] { process.interrupt(); }) &&
                                 throws<AssertionError>([&] { process.close(); }) &&
                                 throws<AssertionError>([&] { static_cast<void>(process.is_alive()); }) &&
                                 throws<AssertionError>([&] { static_cast<void>(process.exitcode()); }) &&
                                 throws<AssertionError>([&] { unstarted.start(); });
              if (!right || !active_children().empty()) return 1;
              if (process.repr().find(" unknown>") == std::string::npos) return 2;
              const Process dropped = std::move(process);  // does nothing
              return current_process().name() == "MainProcess" && current_process().pid() == os::getpid() ? 0 : 3;
            }),
            0);
  EXPECT_TRUE(process.is_alive());
  process.kill();
}

TEST_P(ProcessChild, ForkCanHaveProcessesOfItsOwn) {
  Gate gate;
  Process before = started(wait_for_death, gate.name());
  gate.pass();
  EXPECT_EQ(in_a_fork([] { return code_of([] { std::exit(11); }).value_or(1); }), 11);
  before.kill();
}

TEST_P(ProcessChild, ForkWhileThreadsUseProcesses) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      Process process = started([] {});
      process.set_name("busy");
      process.join();
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_a_fork([i] {
                static_cast<void>(current_process().name());
                return active_children().empty() ? i : 77;
              }),
              i);
  }
  EXPECT_EQ(in_a_fork([] { return code_of([] { std::exit(12); }).value_or(1); }), 12);
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace plait::multiprocessing
