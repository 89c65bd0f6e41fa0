// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/dump_traceback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/file_descriptor.hpp"
#include "os/sanitizer.hpp"
#include "plait/errors.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/thread.hpp"

namespace plait::threading {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string read_all(int fd) {
  std::string text;
  char part[4096];
  for (ssize_t size; (size = ::read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(size));
  return text;
}

// What `f(fd)` writes.
std::string written_by(const std::function<void(int)>& f) {
  os::Pipe pipe = os::make_pipe();
  std::string text;
  std::jthread reader([&] { text = read_all(pipe.reader.get()); });
  f(pipe.writer.get());
  pipe.writer.reset();
  reader.join();
  return text;
}

std::string header(const Thread& thread) {
  return "Thread " + thread.name() + " (native id " + std::to_string(thread.native_id().value()) +
         ", most recent call first):\n";
}

// The part of a dump that is of one thread.
std::string part_of(const std::string& dump, const Thread& thread) {
  const auto begin = dump.find(header(thread));
  return begin == std::string::npos ? "" : dump.substr(begin, dump.find("\n\n", begin) - begin);
}

class DumpTraceback : public testing::Test {
 protected:
  void SetUp() override {
    if (os::under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer keeps signals from threads that wait";
  }
};

[[gnu::noinline]] void wait_in_vain(Lock& lock) {
  lock.acquire();
  lock.release();
  asm volatile("");  // no tail call
}

std::atomic<bool> spins{false};

[[gnu::noinline]] void spin(const std::atomic<bool>& stop) {
  spins = true;
  while (!stop) asm volatile("");
}

// Whether it is in a system call.
bool is_asleep(const Thread& thread) {
  FILE* const file = ::fopen(("/proc/self/task/" + std::to_string(thread.native_id().value()) + "/stat").c_str(), "re");
  char state = '?';
  if (file != nullptr) (void)!::fscanf(file, "%*d (%*[^)]) %c", &state), ::fclose(file);
  return state == 'S';
}

TEST_F(DumpTraceback, HasTheStackOfEachThread) {
  Lock lock;
  std::atomic<bool> stop = false;
  lock.acquire();
  Thread waiting({.name = "waits"}, wait_in_vain, lock), busy({.name = "spins"}, spin, std::ref(stop));
  waiting.start();
  busy.start();
  while (!is_asleep(waiting) || !spins) std::this_thread::yield();
  const std::string dump = written_by([](int fd) { dump_traceback(fd); });
  lock.release();
  stop = true;
  waiting.join();
  busy.join();
  // Optimized, dump_traceback() itself leaves no frame.
  EXPECT_TRUE(dump.starts_with(header(main_thread()) + "  plait::threading::")) << dump;
  EXPECT_THAT(part_of(dump, main_thread()), HasSubstr("\n  main in "));
  EXPECT_THAT(part_of(dump, waiting), HasSubstr("::wait_in_vain(plait::threading::Lock&) in threading_"));
  EXPECT_THAT(part_of(dump, busy), HasSubstr("::spin(std::atomic<bool> const&) in threading_"));
  EXPECT_THAT(part_of(dump, busy), Not(HasSubstr("on_question")));
  EXPECT_THAT(dump, HasSubstr("Thread test-watchdog (native id "));
}

TEST_F(DumpTraceback, SaysWhoDoesNotAnswer) {
  std::latch blocked(1), go(1);
  Thread thread({.name = "deaf"}, [&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    blocked.count_down();
    go.wait();
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);  // a signal that were still there would end the program
  });
  thread.start();
  blocked.wait();
  const std::string dump = written_by([](int fd) { dump_traceback(fd); });
  go.count_down();
  thread.join();
  EXPECT_EQ(part_of(dump, thread), header(thread) + "  (does not answer: it blocks signals, or is stopped)");
}

TEST_F(DumpTraceback, LeavesSignalsAsTheyWere) {
  std::vector<struct sigaction> before(NSIG), after(NSIG);
  for (int number = 1; number < NSIG; ++number) sigaction(number, nullptr, &before[static_cast<std::size_t>(number)]);
  written_by([](int fd) { dump_traceback(fd); });
  for (int number = 1; number < NSIG; ++number) {
    auto& now = after[static_cast<std::size_t>(number)];
    sigaction(number, nullptr, &now);
    EXPECT_EQ(now.sa_handler, before[static_cast<std::size_t>(number)].sa_handler) << number;
  }
}

TEST_F(DumpTraceback, LeavesAloneASignalThatTheHostReceivesByWaiting) {
  sigset_t waited_for;
  sigemptyset(&waited_for);
  sigaddset(&waited_for, SIGRTMAX);
  pthread_sigmask(SIG_BLOCK, &waited_for, nullptr);
  siginfo_t received{};
  Thread waiting([&] {
    while (sigwaitinfo(&waited_for, &received) < 0) continue;  // EINTR, by the signal that asks for the stack
  });
  waiting.start();
  while (!is_asleep(waiting)) std::this_thread::yield();
  const std::string dump = written_by([](int fd) { dump_traceback(fd); });
  ASSERT_EQ(::pthread_sigqueue(static_cast<pthread_t>(waiting.ident().value()), SIGRTMAX, {.sival_int = 7}), 0);
  waiting.join();
  pthread_sigmask(SIG_UNBLOCK, &waited_for, nullptr);
  EXPECT_EQ(received.si_value.sival_int, 7);
}

TEST_F(DumpTraceback, WhileThreadsStartAndEnd) {
  std::vector<Thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        Thread thread([] {});
        thread.start();
      }
    });
    threads.back().start();
  }
  for (int i = 0; i < 20; ++i) EXPECT_THAT(written_by([](int fd) { dump_traceback(fd); }), HasSubstr("MainThread"));
}

TEST_F(DumpTraceback, SeveralAtOnce) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 5; ++n) EXPECT_THAT(written_by([](int fd) { dump_traceback(fd); }), HasSubstr("MainThread"));
    });
  }
}

TEST_F(DumpTraceback, WithoutAFreeSignalThrows) {
  std::vector<struct sigaction> before(NSIG);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    sigaction(number, &ignore, &before[static_cast<std::size_t>(number)]);
  }
  EXPECT_THROW(dump_traceback(), std::system_error);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    sigaction(number, &before[static_cast<std::size_t>(number)], nullptr);
  }
}

// ---- on a signal

std::string read_until(int fd, std::string_view last) {
  std::string text;
  for (char c; text.find(last) == std::string::npos && ::read(fd, &c, 1) == 1;) text += c;
  return text;
}

TEST_F(DumpTraceback, OnASignal) {
  os::Pipe pipe = os::make_pipe();
  auto dump = dump_traceback_on(SIGUSR1, pipe.writer.get());
  for (int i = 0; i < 2; ++i) {
    ::raise(SIGUSR1);
    const std::string text = read_until(pipe.reader.get(), "\n  main in ");
    EXPECT_THAT(text, HasSubstr(header(main_thread())));
    EXPECT_THAT(text, Not(HasSubstr("plait-dump")));
  }
  std::jthread drain([&] { (void)read_all(pipe.reader.get()); });
  dump.cancel();
  dump.cancel();
  pipe.writer.reset();
}

TEST_F(DumpTraceback, OnASignalWhileAllThreadsHang) {
  os::Pipe pipe = os::make_pipe();
  const auto dump = dump_traceback_on(SIGUSR1, pipe.writer.get());
  Lock lock;
  lock.acquire();
  Thread hanging({.name = "hangs"}, wait_in_vain, lock);
  hanging.start();
  while (!is_asleep(hanging)) std::this_thread::yield();
  pthread_kill(static_cast<pthread_t>(hanging.ident().value()), SIGUSR1);
  EXPECT_THAT(read_until(pipe.reader.get(), "wait_in_vain"), HasSubstr(header(hanging)));
  std::jthread drain([&] { (void)read_all(pipe.reader.get()); });
  lock.release();
  hanging.join();
  std::optional<DumpOnSignal> moved(std::in_place, std::move(const_cast<DumpOnSignal&>(dump)));
  moved.reset();
  pipe.writer.reset();
}

std::atomic<int> own_calls = 0;
void own_handler(int) { ++own_calls; }

TEST_F(DumpTraceback, GivesTheSignalBack) {
  struct sigaction own {};
  struct sigaction before {};
  own.sa_handler = own_handler;
  sigaction(SIGUSR1, &own, &before);
  {
    const auto dump = dump_traceback_on(SIGUSR1);
    struct sigaction present {};
    sigaction(SIGUSR1, nullptr, &present);
    EXPECT_NE(present.sa_handler, &own_handler);
  }
  ::raise(SIGUSR1);
  EXPECT_EQ(own_calls, 1);
  {
    const auto dump = dump_traceback_on(SIGUSR1);
    own.sa_handler = SIG_IGN;
    sigaction(SIGUSR1, &own, nullptr);  // somebody else puts one in its place
  }
  struct sigaction present {};
  sigaction(SIGUSR1, nullptr, &present);
  EXPECT_EQ(present.sa_handler, SIG_IGN);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(DumpTraceback, OnASignalTwiceThrows) {
  {
    const auto dump = dump_traceback_on(SIGUSR1);
    EXPECT_THROW((void)dump_traceback_on(SIGUSR1), RuntimeError);
    const auto other = dump_traceback_on(SIGUSR2);
  }
  const auto again = dump_traceback_on(SIGUSR1);
}

TEST_F(DumpTraceback, OnASignalThatCannotBeHandledThrows) {
  for (const int number : {SIGKILL, SIGSTOP, 0, -1, NSIG}) EXPECT_THROW((void)dump_traceback_on(number), ValueError);
}

}  // namespace
}  // namespace plait::threading
