// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/family.hpp"

namespace plait::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// One thread at a time is asked for its stack: it fills this and sets `ready`.
struct {
  std::array<void*, 64> frames;
  int count = 0;
  std::atomic<bool> ready{false};
} stack;

const int stack_signal = SIGRTMAX - 2;

void on_stack_signal(int) {
  stack.count = ::backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
  stack.ready.store(true, std::memory_order_release);  // pairs with the load in collect_stack
}

bool collect_stack(pid_t thread) {
  stack.ready = false;
  if (::syscall(SYS_tgkill, ::getpid(), thread, stack_signal) != 0) return false;
  for (int i = 0; i < 500; ++i) {
    if (stack.ready.load(std::memory_order_acquire)) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;  // it blocks the signal
}

// Lets addr2line name the frames of one module; false when that tool cannot be run.
bool print_lines(const char* module, const std::vector<std::string>& offsets) {
  std::vector<char*> arguments;
  for (const char* word : {"addr2line", "-Cfpie", module}) arguments.push_back(const_cast<char*>(word));
  for (const std::string& offset : offsets) arguments.push_back(const_cast<char*>(offset.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t to_stderr;
  ::posix_spawn_file_actions_init(&to_stderr);
  ::posix_spawn_file_actions_adddup2(&to_stderr, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], &to_stderr, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&to_stderr);
  int status = 0;
  return error == 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

void print_stack() {
  // Runs of frames in one module go to addr2line together.
  for (int i = 2; i < stack.count;) {  // 0 and 1: the signal's own frames
    Dl_info info{};
    if (::dladdr(stack.frames[static_cast<std::size_t>(i)], &info) == 0) {
      ++i;
      continue;
    }
    const std::string module = info.dli_fname;
    std::vector<std::string> offsets;
    for (; i < stack.count; ++i) {
      const auto address = reinterpret_cast<std::uintptr_t>(stack.frames[static_cast<std::size_t>(i)]);
      if (::dladdr(reinterpret_cast<void*>(address), &info) == 0 || module != info.dli_fname) break;
      std::array<char, 24> text{};
      std::snprintf(text.data(), text.size(), "0x%zx", address - reinterpret_cast<std::uintptr_t>(info.dli_fbase) - 1);
      offsets.emplace_back(text.data());
    }
    if (!print_lines(module.c_str(), offsets))
      for (const std::string& offset : offsets) std::fprintf(stderr, "%s+%s\n", module.c_str(), offset.c_str());
  }
}

void print_threads() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const pid_t thread = static_cast<pid_t>(std::stoi(entry.path().filename().string()));
    if (thread == ::gettid()) continue;
    std::fprintf(stderr, "--- thread %d %s", thread, read_file(entry.path() / "comm").c_str());
    if (collect_stack(thread))
      print_stack();
    else
      std::fprintf(stderr, "    does not answer; system call: %s", read_file(entry.path() / "syscall").c_str());
  }
}

[[noreturn]] void bite(const std::string& test, std::chrono::seconds limit) {
  std::fprintf(stderr, "\nwatchdog: %s has run for more than %lld s. Its threads:\n", test.c_str(),
               static_cast<long long>(limit.count()));
  print_threads();
  std::fprintf(stderr, "--- processes of its family, now killed:\n");
  for (const FamilyMember& member : family()) {
    const std::string folder = "/proc/" + std::to_string(member.pid);
    std::fprintf(stderr, "    %d (%s) state %c, waits in %s\n", member.pid, member.name.c_str(), member.state,
                 read_file(folder + "/wchan").c_str());
    ::kill(member.pid, SIGKILL);
  }
  std::fprintf(stderr, "[  FAILED  ] %s (watchdog)\n", test.c_str());
  std::fflush(nullptr);
  ::_exit(124);
}

class Watchdog : public testing::EmptyTestEventListener {
 public:
  Watchdog() {
    if (const char* text = std::getenv("PLAIT_TEST_TIMEOUT")) limit_ = std::chrono::seconds(std::atoi(text));
    struct sigaction action {};
    action.sa_handler = on_stack_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(stack_signal, &action, nullptr);
    void* warm_up = nullptr;
    ::backtrace(&warm_up, 1);  // loads libgcc now, not in the handler
    // The test's signals are not for this thread.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { watch(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(thread_.native_handle(), "test-watchdog");
  }

  ~Watchdog() override {
    {
      std::scoped_lock held(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void OnTestStart(const testing::TestInfo& test) override {
    std::scoped_lock held(mutex_);
    test_ = std::string(test.test_suite_name()) + "." + test.name();
    due_ = Clock::now() + limit_;
    changed_.notify_one();
  }

  void OnTestEnd(const testing::TestInfo&) override {
    std::scoped_lock held(mutex_);
    due_ = Clock::time_point::max();
  }

  void watch() {
    std::unique_lock held(mutex_);
    while (!stop_) {
      if (due_ == Clock::time_point::max())
        changed_.wait(held);
      else if (changed_.wait_until(held, due_) == std::cv_status::timeout && Clock::now() >= due_)
        bite(test_, limit_);
    }
  }

  std::chrono::seconds limit_{120};
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::string test_;
  Clock::time_point due_ = Clock::time_point::max();
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<testing::TestEventListener> make_watchdog() { return std::make_unique<Watchdog>(); }

}  // namespace plait::tests
