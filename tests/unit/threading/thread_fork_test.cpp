// SPDX-License-Identifier: Apache-2.0
// Threads in a process that forks. The children check what they find and answer by their exit status.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/at_exit.hpp"
#include "os/file_descriptor.hpp"
#include "plait/detail/wire/code.hpp"
#include "plait/threading/dump_traceback.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/excepthook.hpp"
#include "plait/threading/local.hpp"
#include "plait/threading/thread.hpp"

namespace plait::threading {
namespace {

// 0: all was as expected; else the line that was not.
template <class Check>
int in_a_child(Check check) {
  const pid_t child = ::fork();
  if (child == 0) {
    int line = 120;
    try {
      line = check();
    } catch (...) {
    }
    ::_exit(line);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define REQUIRE(condition) \
  if (!(condition)) return (__LINE__ % 100) + 1

int only_main_is_there() {
  REQUIRE(active_count() == 1);
  REQUIRE(enumerate().at(0) == current_thread());
  REQUIRE(main_thread() == current_thread());
  REQUIRE(main_thread().is_alive());
  REQUIRE(!main_thread().daemon());
  REQUIRE(main_thread().ident() == get_ident());
  REQUIRE(main_thread().native_id() == ::getpid());
  REQUIRE(get_native_id() == ::getpid());
  return 0;
}

int threads_can_be_used() {
  std::atomic<int> count = 0;
  std::vector<Thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { count += active_count() > 1 ? 1 : 0; });
  for (Thread& thread : threads) thread.start();
  for (Thread& thread : threads) thread.join();
  REQUIRE(count == 4);
  REQUIRE(active_count() == 1);
  return 0;
}

TEST(ThreadFork, OtherThreadsAreNotAliveInTheChild) {
  Event go_on;
  Thread busy([&] { go_on.wait(); }), ended([] {}), unstarted([] {});
  busy.start();
  ended.start();
  while (ended.is_alive()) std::this_thread::yield();  // and not joined
  EXPECT_EQ(in_a_child([&] {
              REQUIRE(!busy.is_alive());
              REQUIRE(!ended.is_alive());
              busy.join();
              ended.join();
              REQUIRE(busy.ident().has_value());
              unstarted.start();
              unstarted.join();
              { const Thread moved = std::move(busy); }
              return only_main_is_there();
            }),
            0);
  EXPECT_TRUE(busy.is_alive());
  go_on.set();
  busy.join();
}

TEST(ThreadFork, ChildrenHaveTheirOwnThreads) {
  EXPECT_EQ(in_a_child([] {
              REQUIRE(main_thread().name() == "MainThread");
              REQUIRE(only_main_is_there() == 0);
              REQUIRE(threads_can_be_used() == 0);
              return in_a_child(threads_can_be_used);
            }),
            0);
}

TEST(ThreadFork, TheForkingThreadIsMainInTheChild) {
  int status = -1;
  Thread thread({.name = "forker"}, [&] {
    const std::uint64_t ident = get_ident();
    status = in_a_child([&] {
      REQUIRE(current_thread().name() == "forker");
      REQUIRE(get_ident() == ident);
      REQUIRE(threads_can_be_used() == 0);
      return only_main_is_there();
    });
  });
  thread.start();
  thread.join();
  EXPECT_EQ(status, 0);
}

TEST(ThreadFork, AForeignThreadIsMainThreadInTheChild) {
  for (const bool known : {false, true}) {
    int status = -1;
    std::thread([&] {
      EXPECT_TRUE(!known || current_thread().name().starts_with("Dummy-"));
      status = in_a_child([&] {
        REQUIRE(current_thread().name() == "MainThread");
        REQUIRE(threads_can_be_used() == 0);
        return only_main_is_there();
      });
    }).join();
    EXPECT_EQ(status, 0);
  }
}

struct AddAtEnd {
  int* sum = nullptr;
  int x = 0;
  ~AddAtEnd() {
    if (sum != nullptr) *sum += x;
  }
};

TEST(ThreadFork, LocalsHaveTheValuesOfTheForkingThread) {
  int sum = 0;
  auto data = std::make_unique<local<AddAtEnd>>([&] { return AddAtEnd{&sum, 1}; });
  data->get().x = 10;
  Event known, go_on;
  Thread other([&] {
    data->get().x = 100;
    known.set();
    go_on.wait();
  });
  other.start();
  known.wait();
  EXPECT_EQ(in_a_child([&] {
              REQUIRE(data->get().x == 10);
              Thread thread([&] { data->get().x += 1; });
              thread.start();
              thread.join();
              REQUIRE(sum == 2);
              data.reset();
              REQUIRE(sum == 12);  // without that of the thread that is not here
              return 0;
            }),
            0);
  go_on.set();
  other.join();
  EXPECT_EQ(sum, 100);
}

// Their stop_callbacks are on stacks that the child uses for its own threads.
TEST(ThreadFork, ThreadsOfTheParentCannotBeStopped) {
  Event never;
  auto waiting = std::make_unique<Thread>([&](const std::stop_token& stop) { never.wait(stop); });
  waiting->start();
  EXPECT_EQ(in_a_child([&] {
              REQUIRE(threads_can_be_used() == 0);
              REQUIRE(!waiting->request_stop());
              REQUIRE(!waiting->get_stop_token().stop_possible());
              waiting.reset();
              return 0;
            }),
            0);
  EXPECT_TRUE(waiting->is_alive());
}

TEST(ThreadFork, DumpsOnASignalOfTheChildOutliveThoseOfTheParent) {
  DumpOnSignal parents = dump_traceback_on(SIGUSR1);
  EXPECT_EQ(in_a_child([&] {
              const os::Pipe pipe = os::make_pipe();
              const DumpOnSignal own = dump_traceback_on(SIGUSR1, pipe.writer.get());
              parents.cancel();
              ::raise(SIGUSR1);
              char text[6];
              REQUIRE(::read(pipe.reader.get(), text, sizeof text) == 6);
              REQUIRE(std::string_view(text, 6) == "Thread");
              return 0;
            }),
            0);
}

TEST(ThreadFork, WhileADumpIsWritten) {
  const os::FileDescriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const auto handlers = [] {
    std::vector<void (*)(int)> all;
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
      struct sigaction present {};
      ::sigaction(number, nullptr, &present);
      all.push_back(present.sa_handler);
    }
    return all;
  };
  const auto before = handlers();
  Thread dumping([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) dump_traceback(nowhere.get());
  });
  dumping.start();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(in_a_child([&] { return handlers() == before ? 0 : 1; }), 0);
}

// glibc's lock of the loader is not free in such a child.
TEST(ThreadFork, WhileFunctionsOfLibrariesAreLookedUp) {
  const auto look_up = [] { return wire::locate_code(reinterpret_cast<const void*>(&::wait)).module != 0; };
  Thread looking([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) look_up();
  });
  looking.start();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(in_a_child([&] { return look_up() ? 0 : 1; }), 0);
}

// So is its lock for atexit.
TEST(ThreadFork, WhileCallbacksForTheExitAreRegistered) {
  Thread registering([](const std::stop_token& stop) {
    for (int i = 0; i < 1'000'000 && !stop.stop_requested(); ++i) os::at_exit([] {});
  });
  registering.start();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(in_a_child([] { return os::at_exit([] {}), 0; }), 0);
}

TEST(ThreadFork, WhileThreadsStartAndEnd) {
  local<std::string> data;
  std::vector<Thread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        Thread thread([&] {
          current_thread().set_name("changed");
          data->assign("this thread's");
        });
        thread.start();
        excepthook = nullptr;
        (void)enumerate();
        const local<int> another;
        another.get() = 1;
        data->clear();
        thread.join();
      }
    });
    busy.back().start();
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(in_a_child(threads_can_be_used), 0);
}

}  // namespace
}  // namespace plait::threading
