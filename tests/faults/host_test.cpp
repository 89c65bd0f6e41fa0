// SPDX-License-Identifier: Apache-2.0
// The host's own waits, signals, directories, environment and threads: H1 to H3 and F3 of the fault list.
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fault_test.hpp"

namespace plait::faults {
namespace {

namespace fs = std::filesystem;

// A child of the host's own, which exits with the code.
pid_t start_own_child(int code) {
  std::string script = "exit " + std::to_string(code);
  char shell[] = "/bin/sh", option[] = "-c";
  char* arguments[]{shell, option, script.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, shell, nullptr, nullptr, arguments, environ) != 0) throw std::runtime_error("posix_spawn");
  return pid;
}

}  // namespace

// A row that kills a worker of a pool in a host that does as it likes with its children.
class InAHost : public OverStartMethods {
 protected:
  // W1, but that the host may have taken the status of a worker that is the host's child (start method fork).
  void expect_w1() {
    Fifo started(folder_.file("started"));
    ProcessPoolExecutor pool(workers(2));
    auto lost = pool.submit(tell_and_hang, started.path());
    const pid_t victim = started.pid();
    ASSERT_EQ(::kill(victim, SIGKILL), 0);
    const WorkerDied death = death_of(lost);
    EXPECT_EQ(death.pid(), victim);
    EXPECT_THAT(death.what(), testing::HasSubstr(std::to_string(victim)));
    if (!forks()) {
      EXPECT_TRUE(death.known());
    }
    if (death.known()) {
      EXPECT_EQ(death.signal(), SIGKILL);
    }
    expect_squares(pool, 50);
    pool.shutdown();
  }
};

// ---- H1 ------------------------------------------------------------------------------------------------------------

class FaultH1 : public InAHost {};
PLAIT_OVER_START_METHODS(FaultH1, "forkserver", "spawn", "fork");

TEST_P(FaultH1, HostThreadWaitsForAnyChild) {
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::vector<std::pair<pid_t, int>> reaped;
  std::thread reaper([&] {
    while (!stop) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, 0);
      if (pid > 0) {
        const std::scoped_lock lock(mutex);
        reaped.emplace_back(pid, status);
      } else {
        std::this_thread::yield();  // ECHILD: there is none
      }
    }
  });
  for (int round = 0; round < 5 && !HasFatalFailure(); ++round) expect_w1();
  const pid_t own = start_own_child(42);
  EXPECT_TRUE(dies_within(own, T));
  const auto taken = [&] {
    const std::scoped_lock lock(mutex);
    return std::ranges::any_of(reaped, [&](const auto& child) { return child.first == own; });
  };
  while (!taken()) std::this_thread::yield();
  stop = true;
  reaper.join();
  for (const auto& [pid, status] : reaped) {
    if (pid == own)
      EXPECT_EQ(WEXITSTATUS(status), 42);
    else
      EXPECT_TRUE(forks()) << "the host's wait(-1) saw process " << pid << ", which is not its child";
  }
}

// ---- H2 ------------------------------------------------------------------------------------------------------------

class FaultH2 : public InAHost {
 protected:
  ~FaultH2() override { ::sigaction(SIGCHLD, &before_, nullptr); }

  void set_handler(void (*wanted)(int)) {
    struct sigaction action {};
    action.sa_handler = wanted;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGCHLD, &action, nullptr);
  }
  static void (*handler())(int) {
    struct sigaction action {};
    ::sigaction(SIGCHLD, nullptr, &action);
    return action.sa_handler;
  }
  static void expect_own_child_is_ours() {
    const pid_t own = start_own_child(17);
    int status = 0;
    ASSERT_EQ(::waitpid(own, &status, 0), own);
    EXPECT_EQ(WEXITSTATUS(status), 17);
  }

 private:
  struct sigaction before_ = [] {
    struct sigaction action {};
    ::sigaction(SIGCHLD, nullptr, &action);
    return action;
  }();
};
PLAIT_OVER_START_METHODS(FaultH2, "forkserver", "spawn", "fork");

std::atomic<int> children_signals{0};
void count_child(int) { ++children_signals; }
void reap_all(int) {
  const int error = errno;
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  errno = error;
}

TEST_P(FaultH2, ChildSignalIgnored) {
  set_handler(SIG_IGN);
  expect_w1();
  EXPECT_EQ(handler(), SIG_IGN) << "the host's disposition was changed";
}

TEST_P(FaultH2, HandlerReplacedWhileWorkersRun) {
  Fifo started(folder_.file("started_before"));
  ProcessPoolExecutor pool(workers(2));
  auto lost = pool.submit(tell_and_hang, started.path());
  const pid_t victim = started.pid();
  set_handler(&reap_all);
  ASSERT_EQ(::kill(victim, SIGKILL), 0);
  EXPECT_EQ(death_of(lost).pid(), victim);
  expect_w1();
  EXPECT_EQ(handler(), &reap_all);
}

TEST_P(FaultH2, OwnChildrenAreUntouched) {
  set_handler(&count_child);
  children_signals = 0;
  ProcessPoolExecutor pool(workers(2));
  expect_squares(pool, 10);
  expect_own_child_is_ours();
  EXPECT_GE(children_signals, 1);
  expect_w1();
  expect_own_child_is_ours();
  EXPECT_EQ(handler(), &count_child);
}

// ---- H3 ------------------------------------------------------------------------------------------------------------

class FaultH3 : public InAHost {
 protected:
  FaultH3() {
    ::sigemptyset(&mask_before_);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_before_);
  }
  ~FaultH3() override {
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    fs::current_path(folder_before_);
  }

 private:
  sigset_t mask_before_;
  const fs::path folder_before_ = fs::current_path();
};
PLAIT_OVER_START_METHODS(FaultH3, "forkserver", "spawn", "fork");

bool some_signal_is_blocked() {
  sigset_t mask;
  ::sigemptyset(&mask);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (::sigismember(&mask, number) == 1) return true;
  }
  return false;
}

TEST_P(FaultH3, HostBlocksAllSignals) {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  expect_w1();
  Fifo started(folder_.file("started_later"));
  ProcessPoolExecutor pool(workers(1));
  EXPECT_FALSE(pool.submit(some_signal_is_blocked).result(T));
  auto running = pool.submit(tell_and_hang, started.path());
  started.pid();
  pool.terminate_workers();  // SIGTERM is not blocked there
  EXPECT_EQ(death_of(running).signal(), SIGTERM);
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(::sigismember(&now, SIGTERM), 1) << "the host's mask was changed";
}

TEST_P(FaultH3, HostChangesItsFolderAndMask) {
  const mode_t mask = ::umask(0777);
  fs::create_directory(folder_.path() / "gone");
  fs::permissions(folder_.path() / "gone", fs::perms::owner_all);
  fs::current_path(folder_.path() / "gone");
  fs::remove(folder_.path() / "gone");  // no folder at all
  ProcessPoolExecutor pool(workers(2));
  expect_squares(pool, 50);
  EXPECT_EQ(::umask(mask), mode_t{0777}) << "the host's umask was changed";
}

TEST_P(FaultH3, HostClearsItsEnvironment) {
  std::vector<std::string> before;
  for (char** entry = environ; *entry != nullptr; ++entry) before.emplace_back(*entry);
  ::clearenv();
  {
    ProcessPoolExecutor pool(workers(2));
    expect_squares(pool, 50);
    EXPECT_EQ(environ == nullptr || *environ == nullptr, true) << "the host's environment was changed";
  }
  for (std::string& entry : before) {
    const auto equals = entry.find('=');
    ::setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
}

// ---- F3 ------------------------------------------------------------------------------------------------------------

// Threads that hold the locks of malloc and stdio most of the time.
class Hammers {
 public:
  explicit Hammers(int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { hammer(); });
  }
  Hammers(const Hammers&) = delete;
  Hammers& operator=(const Hammers&) = delete;
  ~Hammers() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    std::fclose(null_);
  }

 private:
  void hammer() {
    for (std::size_t size = 1; !stop_; size = size * 5 % 65'521) {
      const std::unique_ptr<char[]> block(new char[size + 1]);
      block[size] = '\0';
      std::fprintf(null_, "%zu\n", size);
      if (size % 64 == 0) std::fflush(nullptr);
    }
  }

  std::FILE* null_ = std::fopen("/dev/null", "we");
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

std::size_t allocate_and_print(std::size_t size) {
  const std::vector<char> block(size);
  std::FILE* null = std::fopen("/dev/null", "we");
  std::fprintf(null, "%zu\n", block.size());
  std::fclose(null);
  return block.size();
}

class FaultF3 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultF3, "forkserver", "spawn", "fork");

TEST_P(FaultF3, PoolsStartedWhileThreadsHammerMallocAndStdio) {
  const Hammers hammers(64);
  constexpr int workers_each = 4;
  const int pools = (soak() ? 10'000 : sanitized ? 8 : 32) / workers_each;
  for (int i = 0; i < pools; ++i) {
    ProcessPoolExecutor pool(workers(workers_each));
    std::vector<Future<std::size_t>> sizes;
    for (int task = 0; task < workers_each; ++task)
      sizes.push_back(pool.submit(allocate_and_print, std::size_t{10'000}));
    for (const auto& size : sizes) EXPECT_EQ(size.result(30 * T), 10'000U);
  }
}

}  // namespace plait::faults
