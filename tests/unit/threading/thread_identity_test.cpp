// SPDX-License-Identifier: Apache-2.0
// Names, daemons, the functions about threads, sizes of stacks. What a thread does: thread_test.cpp.
#include "plait/threading/thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "os/native_thread.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/lock.hpp"
#include "threading/thread_names.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;

bool is_listed(const Thread& thread) { return std::ranges::count(enumerate(), thread) == 1; }

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "no RuntimeError";
}

int twice(int x) { return 2 * x; }
struct Account {
  std::atomic<long> balance = 0;
  void change(long n) { balance += n; }
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual void call() = 0;
};
struct Concrete : Abstract {
  void call() override {}
};

// ---- names

TEST(Thread, DefaultNameHasANumberAndTheFunction) {
  EXPECT_TRUE(Thread([] {}).name().starts_with("Thread-"));
  EXPECT_EQ(Thread([] {}).name().find('('), std::string::npos) << "a lambda has no name";
  const std::string named = Thread(twice, 1).name();
  EXPECT_TRUE(named.starts_with("Thread-") && named.ends_with(" (twice)")) << named;
  Account account;
  const std::string member = Thread(&Account::change, &account, 1).name();
  EXPECT_TRUE(member.ends_with(" (change)")) << member;
  EXPECT_NE(Thread([] {}).name(), Thread([] {}).name());
  EXPECT_EQ(Thread(Thread::Options{}, [] {}).name().substr(0, 7), "Thread-");
  Concrete object;
  EXPECT_EQ(Thread(&Abstract::call, &object).name().find('('), std::string::npos) << "which one is not known yet";
}

TEST(Thread, ShortNamesOfFunctions) {
  EXPECT_EQ(short_name("main"), "main");
  EXPECT_EQ(short_name("app::(anonymous namespace)::work(int, void (*)(int))"), "work");
  EXPECT_EQ(short_name("void app::Box<int>::put<long>(long) const"), "put");
  EXPECT_EQ(short_name("std::vector<int> app::make[abi:cxx11](int) [clone .cold]"), "make");
  EXPECT_EQ(short_name("app::run()::{lambda(int)#1}::_FUN(int)"), "");
  EXPECT_EQ(short_name(""), "");
}

TEST(Thread, NameIsSetAtOnceAndLater) {
  Thread thread({.name = "alpha"}, [] {});
  EXPECT_EQ(thread.name(), "alpha");
  thread.set_name("beta");
  EXPECT_EQ(thread.name(), "beta");
  thread.start();
  thread.join();
  thread.set_name("gamma");
  EXPECT_EQ(thread.name(), "gamma");
  Thread by_function(twice, 1);
  by_function.set_name("delta");
  EXPECT_EQ(by_function.name(), "delta");
}

TEST(Thread, TheSystemKnowsTheName) {
  std::string seen;
  std::binary_semaphore named(0), renamed(0);
  Thread thread({.name = "a name of more than fifteen letters"}, [&] {
    seen = os::thread_name();
    named.release();
    renamed.acquire();
  });
  thread.start();
  named.acquire();
  EXPECT_EQ(seen, "a name of more ");
  thread.set_name("other");
  EXPECT_EQ(os::thread_name(thread.native_id().value()), "other");
  renamed.release();
  thread.join();
}

TEST(Thread, TheSystemKnowsDefaultNamesWithoutTheFunction) {
  const auto name_of_this_thread = +[](std::string* name) { *name = os::thread_name(get_native_id()); };
  std::string seen;
  Thread thread(name_of_this_thread, &seen);
  thread.start();
  thread.join();
  EXPECT_TRUE(seen.starts_with("Thread-")) << seen;
  EXPECT_EQ(seen.find_first_not_of("0123456789", 7), std::string::npos) << seen;
}

TEST(Thread, NamesForTheSystemAreCutBetweenCharacters) {
  EXPECT_EQ(os::short_thread_name("fifteen letters"), "fifteen letters");
  EXPECT_EQ(os::short_thread_name("fourteen char\u00e9"), "fourteen char\u00e9");
  EXPECT_EQ(os::short_thread_name("fourteen chars\u00e9"), "fourteen chars");
  EXPECT_EQ(os::short_thread_name("thirteen char\u6f22"), "thirteen char");
  EXPECT_EQ(os::short_thread_name(""), "");
}

// ---- daemons

TEST(Thread, IsNoDaemonUnlessToldSo) {
  EXPECT_FALSE(Thread([] {}).daemon());
  EXPECT_TRUE(Thread({.daemon = true}, [] {}).daemon());
  EXPECT_FALSE(Thread({.daemon = false}, [] {}).daemon());
  Thread thread([] {});
  thread.set_daemon(true);
  EXPECT_TRUE(thread.daemon());
}

TEST(Thread, InheritsDaemonFromItsCreator) {
  bool inherited = false, overruled = true;
  Thread thread({.daemon = true}, [&] {
    inherited = Thread([] {}).daemon();
    overruled = Thread({.daemon = false}, [] {}).daemon();
  });
  thread.start();
  thread.join();
  EXPECT_TRUE(inherited);
  EXPECT_FALSE(overruled);
}

TEST(Thread, MadeByAForeignThreadIsNoDaemon) {
  bool daemon = true;
  std::jthread([&] {
    EXPECT_TRUE(current_thread().daemon());
    daemon = Thread([] {}).daemon();
  }).join();
  EXPECT_FALSE(daemon);
}

TEST(Thread, DaemonAfterStartThrows) {
  Thread thread([] {});
  thread.start();
  EXPECT_THROW(thread.set_daemon(true), RuntimeError);
  thread.join();
  EXPECT_THROW(thread.set_daemon(true), RuntimeError);
  EXPECT_FALSE(thread.daemon());
  EXPECT_THROW(main_thread().set_daemon(true), RuntimeError);
}

TEST(Thread, ADaemonIsLetGo) {
  std::binary_semaphore go(0), gone(0);
  std::stop_token stop;
  {
    Thread thread({.daemon = true}, [&] {
      go.acquire();
      gone.release();
    });
    stop = thread.get_stop_token();
    thread.start();
  }
  EXPECT_FALSE(stop.stop_requested());
  go.release();
  gone.acquire();
}

// ---- functions of the module

TEST(Thread, MainThreadIsThisOne) {
  EXPECT_EQ(current_thread(), main_thread());
  EXPECT_EQ(main_thread().name(), "MainThread");
  EXPECT_FALSE(main_thread().daemon());
  EXPECT_TRUE(main_thread().is_alive());
  EXPECT_EQ(main_thread().ident(), get_ident());
  EXPECT_EQ(main_thread().native_id(), ::getpid());
  EXPECT_EQ(get_native_id(), ::getpid());
  EXPECT_TRUE(is_listed(main_thread()));
  EXPECT_THROW(main_thread().start(), RuntimeError);
  Thread thread([] { EXPECT_NE(current_thread(), main_thread()); });
  thread.start();
  thread.join();
}

TEST(Thread, CurrentThreadIsTheSameThread) {
  std::binary_semaphore go(0);
  bool is_same = false;
  Thread thread([&] {
    go.acquire();
    is_same = current_thread() == thread;
  });
  thread.start();
  go.release();
  thread.join();
  EXPECT_TRUE(is_same);
}

TEST(Thread, HandlesOwnNothing) {
  std::binary_semaphore go(0);
  Thread thread([&] { go.acquire(); });
  thread.start();
  for (int i = 0; i < 3; ++i) {
    for (Thread& handle : enumerate()) Thread moved = std::move(handle);
  }
  EXPECT_TRUE(thread.is_alive());
  EXPECT_FALSE(thread.get_stop_token().stop_requested());
  go.release();
  thread.join();
}

TEST(Thread, EnumerateListsThoseThatAreAlive) {
  const std::size_t before = active_count();
  std::latch go(1);
  std::vector<Thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(Thread::Options{.daemon = i % 2 == 0}, [&] { go.wait(); });
  EXPECT_EQ(active_count(), before);
  for (Thread& thread : threads) thread.start();
  EXPECT_EQ(active_count(), before + 4);
  EXPECT_TRUE(std::ranges::all_of(threads, is_listed));
  go.count_down();
  for (Thread& thread : threads) thread.join();
  EXPECT_EQ(active_count(), before);
  EXPECT_TRUE(std::ranges::none_of(threads, is_listed));
}

// CPython's test_enumerate_after_join: a thread that was joined is never listed.
TEST(Thread, EnumerateWhileThreadsEnd) {
  for (int i = 0; i < 200; ++i) {
    Thread thread([] {});
    thread.start();
    (void)enumerate();
    thread.join();
    EXPECT_FALSE(is_listed(thread));
  }
}

TEST(Thread, ForeignThreadsAreDummies) {
  const std::size_t before = active_count();
  std::latch known(1), go(1);
  std::vector<Thread> seen;
  std::thread foreign([&] {
    seen.push_back(current_thread());
    EXPECT_EQ(current_thread(), seen[0]);
    EXPECT_THROW(current_thread().join(), RuntimeError);
    EXPECT_THROW(current_thread().start(), RuntimeError);
    known.count_down();
    go.wait();
  });
  known.wait();
  Thread& dummy = seen.at(0);
  EXPECT_TRUE(dummy.name().starts_with("Dummy-")) << dummy.name();
  EXPECT_TRUE(dummy.daemon());
  EXPECT_TRUE(dummy.is_alive());
  EXPECT_TRUE(is_listed(dummy));
  EXPECT_EQ(active_count(), before + 1);
  EXPECT_EQ(dummy.ident(), static_cast<std::uint64_t>(foreign.native_handle()));
  EXPECT_NE(message_of([&] { dummy.join(); }).find("that no Thread has started"), std::string::npos);
  go.count_down();
  foreign.join();
  EXPECT_FALSE(dummy.is_alive());
  EXPECT_EQ(active_count(), before) << "dropped with its thread";
  EXPECT_THROW(dummy.join(), RuntimeError);
}

TEST(Thread, ForeignThreadsUnasked) {
  const std::size_t before = active_count();
  std::jthread([] { (void)get_ident(); }).join();
  std::jthread([] { Thread([] {}).start(); }).join();
  EXPECT_EQ(active_count(), before);
}

// ---- sizes of stacks

class StackSize : public testing::Test {
 protected:
  ~StackSize() override { stack_size(0); }

  static std::size_t of_a_new_thread() {
    std::size_t size = 0;
    Thread thread([&] {
      pthread_attr_t attributes;
      pthread_getattr_np(pthread_self(), &attributes);
      pthread_attr_getstacksize(&attributes, &size);
      pthread_attr_destroy(&attributes);
    });
    thread.start();
    thread.join();
    return size;
  }
};

TEST_F(StackSize, IsTheSystemsByDefault) { EXPECT_EQ(stack_size(), 0U); }

TEST_F(StackSize, IsThatOfThreadsStartedLater) {
  for (const std::size_t size : {std::size_t{1} << 18, std::size_t{1} << 20}) {
    stack_size(size);
    EXPECT_EQ(stack_size(), size);
    // ThreadSanitizer adds what it needs itself.
    EXPECT_TRUE(of_a_new_thread() == size || (os::under_thread_sanitizer && of_a_new_thread() > size));
  }
  EXPECT_EQ(stack_size(0), std::size_t{1} << 20) << "tells what it was";
  EXPECT_EQ(stack_size(), 0U);
}

TEST_F(StackSize, LessThan32KiBThrows) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{32767}, static_cast<std::size_t>(-1)}) {
    EXPECT_THROW(stack_size(size), ValueError);
    EXPECT_EQ(stack_size(), 0U);
  }
  stack_size(32768);
  EXPECT_EQ(stack_size(), 32768U);
}

}  // namespace
}  // namespace plait::threading
