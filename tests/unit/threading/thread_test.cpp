// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <atomic>
#include <csignal>
#include <exception>
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
#include "plait/deadline.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/lock.hpp"
#include "threading/thread_names.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<Thread>);
static_assert(std::is_nothrow_move_constructible_v<Thread>);
static_assert(std::has_virtual_destructor_v<Thread>);
static_assert(std::is_same_v<ThreadError, RuntimeError>);

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

// ---- target and arguments

TEST(Thread, RunsItsTarget) {
  std::atomic<int> sum = 0;
  Thread a([&] { sum += 1; });
  Thread b([&](int x, int y) { sum += x * y; }, 5, 2);
  a.start();
  b.start();
  a.join();
  b.join();
  EXPECT_EQ(sum, 11);
}

TEST(Thread, WithoutATargetDoesNothing) {
  Thread thread;
  thread.start();
  thread.join();
  EXPECT_FALSE(thread.is_alive());
}

int twice(int x) { return 2 * x; }
struct Account {
  std::atomic<long> balance = 0;
  void change(long n) { balance += n; }
};

TEST(Thread, TakesWhateverIsCallable) {
  Account account;
  Thread drop(twice, 3), member(&Account::change, &account, 7), referred(&Account::change, std::ref(account), 1);
  std::function<void()> function = [&] { account.change(100); };
  Thread erased(function);
  for (Thread* thread : {&drop, &member, &referred, &erased}) {
    thread->start();
    thread->join();
  }
  EXPECT_EQ(account.balance, 108);
}

TEST(Thread, MovesArgumentsInAndGivesThemAsRvalues) {
  std::unique_ptr<int> seen;
  auto task = [&seen, own = std::make_unique<int>(1)](std::unique_ptr<int> given) {
    *(seen = std::move(given)) += *own;
  };
  Thread thread(std::move(task), std::make_unique<int>(4));
  thread.start();
  thread.join();
  EXPECT_EQ(*seen, 5);
}

TEST(Thread, CopiesLvalues) {
  std::string text = "before";
  std::string seen;
  Thread thread([&seen](const std::string& given) { seen = given; }, text);
  text = "after";
  thread.start();
  thread.join();
  EXPECT_EQ(seen, "before");
}

TEST(Thread, ArgumentsMayBeOfAnyType) {
  bool ok = false;
  Thread thread([&ok](std::any a, const char* s) { ok = std::any_cast<int>(a) == 3 && std::string(s) == "abc"; },
                std::any(3), "abc");
  thread.start();
  thread.join();
  EXPECT_TRUE(ok);
}

struct Abstract {
  virtual ~Abstract() = default;
  virtual void call() = 0;
};
struct Concrete : Abstract {
  void call() override { called = true; }
  bool called = false;
};

TEST(Thread, RefersToWhatCannotBeCopiedOrMoved) {
  Lock lock;
  long balance = 0;
  const auto change = [](Lock& own, long& total) {
    for (int i = 0; i < 1000; ++i) {
      const std::scoped_lock held(own);
      ++total;
    }
  };
  Thread a(change, lock, std::ref(balance)), b(change, lock, std::ref(balance));
  a.start();
  b.start();
  a.join();
  b.join();
  EXPECT_EQ(balance, 2000);
  Concrete object;
  Abstract& base = object;
  Thread c([](Abstract& it) { it.call(); }, base);
  c.start();
  c.join();
  EXPECT_TRUE(object.called);
}

TEST(Thread, GivesTheStopTokenFirstOrLastOrNotAtAll) {
  int first = 0, last = 0, without = 0;
  Thread a([&](std::stop_token stop, int x) { first = stop.stop_possible() ? x : -1; }, 1);
  Thread b([&](int x, const std::stop_token& stop) { last = stop.stop_possible() ? x : -1; }, 2);
  Thread c([&](int x) { without = x; }, 3);
  for (Thread* thread : {&a, &b, &c}) {
    thread->start();
    thread->join();
  }
  EXPECT_EQ(first, 1);
  EXPECT_EQ(last, 2);
  EXPECT_EQ(without, 3);
}

TEST(Thread, ReleasesTargetAndArgumentsWhenRunEnds) {
  auto captured = std::make_shared<int>(1), argument = std::make_shared<int>(2);
  const std::weak_ptr<int> weak_captured = captured, weak_argument = argument;
  Thread thread([captured = std::move(captured)](const std::shared_ptr<int>&) {}, std::move(argument));
  EXPECT_FALSE(weak_captured.expired());
  thread.start();
  thread.join();
  EXPECT_TRUE(weak_captured.expired());
  EXPECT_TRUE(weak_argument.expired());
}

TEST(Thread, ReleasesThemAlsoWhenItIsNeverStarted) {
  auto argument = std::make_shared<int>(2);
  const std::weak_ptr<int> weak = argument;
  {
    Thread thread([](const std::shared_ptr<int>&) {}, std::move(argument));
  }
  EXPECT_TRUE(weak.expired());
}

// ---- start

TEST(Thread, StartReturnsWhenItRuns) {
  std::binary_semaphore go(0);
  Thread thread([&] { go.acquire(); });
  EXPECT_EQ(thread.ident(), std::nullopt);
  EXPECT_EQ(thread.native_id(), std::nullopt);
  EXPECT_FALSE(thread.is_alive());
  EXPECT_FALSE(is_listed(thread));
  thread.start();
  EXPECT_TRUE(thread.is_alive());
  EXPECT_TRUE(is_listed(thread));
  ASSERT_TRUE(thread.ident().has_value());
  EXPECT_NE(*thread.ident(), 0U);
  EXPECT_NE(*thread.ident(), get_ident());
  EXPECT_TRUE(std::filesystem::exists("/proc/self/task/" + std::to_string(thread.native_id().value())));
  const auto ident = thread.ident();
  go.release();
  thread.join();
  EXPECT_FALSE(thread.is_alive());
  EXPECT_FALSE(is_listed(thread));
  EXPECT_EQ(thread.ident(), ident) << "kept after its end";
}

TEST(Thread, KnowsItselfByTheSameNumbers) {
  std::uint64_t ident = 0;
  pid_t native_id = 0;
  Thread thread([&] {
    ident = get_ident();
    native_id = get_native_id();
  });
  thread.start();
  thread.join();
  EXPECT_EQ(thread.ident(), ident);
  EXPECT_EQ(thread.native_id(), native_id);
}

TEST(Thread, StartTwiceThrows) {
  Thread thread([] {});
  thread.start();
  EXPECT_THROW(thread.start(), RuntimeError);
  thread.join();
  EXPECT_THROW(thread.start(), RuntimeError) << "a thread that has ended, too";
}

TEST(Thread, StartsWithTheSignalMaskOfItsCreator) {
  sigset_t set, before, seen;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  Thread thread([&] { pthread_sigmask(SIG_BLOCK, nullptr, &seen); });
  thread.start();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  thread.join();
  EXPECT_EQ(sigismember(&seen, SIGUSR2), 1);
  EXPECT_EQ(sigismember(&seen, SIGUSR1), 0);
}

// ---- join

TEST(Thread, JoinBeforeStartThrows) {
  Thread thread([] {});
  EXPECT_THROW(thread.join(), RuntimeError);
}

TEST(Thread, JoinItselfThrows) {
  std::string message;
  Thread thread([&] { message = message_of([] { current_thread().join(); }); });
  thread.start();
  thread.join();
  EXPECT_NE(message.find("cannot join the current thread"), std::string::npos) << message;
  EXPECT_THROW(main_thread().join(), RuntimeError);
}

TEST(Thread, JoinWithATimeoutReturnsWhileItRuns) {
  std::binary_semaphore go(0);
  Thread thread([&] { go.acquire(); });
  thread.start();
  thread.join(0s);
  thread.join(-1s);
  thread.join(1ms);
  thread.join(std::chrono::steady_clock::now());
  EXPECT_TRUE(thread.is_alive());
  go.release();
  thread.join(1h);
  EXPECT_FALSE(thread.is_alive());
}

TEST(Thread, JoinEndsWhenAStopIsRequested) {
  std::binary_semaphore go(0);
  Thread thread([&] { go.acquire(); });
  thread.start();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  thread.join(stop.get_token());
  EXPECT_TRUE(thread.is_alive());
  go.release();
}

TEST(Thread, JoinMayBeRepeated) {
  Thread thread([] {});
  thread.start();
  for (int i = 0; i < 3; ++i) thread.join();
  thread.join(-1s);
}

TEST(Thread, JoinBySeveralThreadsAtOnce) {
  for (int round = 0; round < 50; ++round) {
    std::binary_semaphore go(0);
    Thread thread([&] { go.acquire(); });
    thread.start();
    std::vector<std::jthread> joiners;
    for (int i = 0; i < 4; ++i) {
      joiners.emplace_back([&] {
        thread.join();
        EXPECT_FALSE(thread.is_alive());
      });
    }
    go.release();
  }
}

struct SetAtEnd {
  std::atomic<bool>* flag = nullptr;
  ~SetAtEnd() {
    if (flag == nullptr) return;
    EXPECT_EQ(current_thread().name(), "with a thread_local") << "still known in destructors of thread_locals";
    *flag = true;
  }
};
thread_local SetAtEnd set_at_end;

TEST(Thread, JoinWaitsForThreadLocals) {
  std::atomic<bool> flag = false;
  Thread thread({.name = "with a thread_local"}, [&] { set_at_end.flag = &flag; });
  thread.start();
  thread.join();
  EXPECT_TRUE(flag);
}

TEST(Thread, AfterJoinTheKernelHasNoSuchThread) {
  for (int i = 0; i < 20; ++i) {
    Thread thread([] {});
    thread.start();
    thread.join();
    const Deadline soon = 20s;  // the kernel lets those go who join before it has forgotten the thread
    while (!os::thread_name(thread.native_id().value()).empty() && !soon.expired()) std::this_thread::yield();
    EXPECT_EQ(os::thread_name(thread.native_id().value()), "");
  }
}

TEST(Thread, ManyAtOnce) {
  std::atomic<int> count = 0;
  std::vector<Thread> threads;
  for (int i = 0; i < 50; ++i) threads.emplace_back([&](int n) { count += n; }, i);
  for (Thread& thread : threads) thread.start();
  for (Thread& thread : threads) thread.join();
  EXPECT_EQ(count, 49 * 50 / 2);
}

// ---- stopping, and the destructor

TEST(Thread, StopIsRequested) {
  Thread thread([](std::stop_token stop) {
    Event never;
    never.wait(std::move(stop));
  });
  thread.start();
  EXPECT_FALSE(thread.get_stop_token().stop_requested());
  EXPECT_TRUE(thread.request_stop());
  EXPECT_FALSE(thread.request_stop());
  thread.join();
  EXPECT_TRUE(thread.get_stop_token().stop_requested());
}

TEST(Thread, DestructorRequestsAStopAndJoins) {
  bool stopped = false;
  {
    Thread thread([&](std::stop_token stop) {
      Event never;
      never.wait(stop);
      stopped = stop.stop_requested();
    });
    thread.start();
  }
  EXPECT_TRUE(stopped);
}

TEST(Thread, MoveMovesTheOwnership) {
  std::vector<Thread> threads;
  std::atomic<int> count = 0;
  for (int i = 0; i < 5; ++i) {
    Thread thread([&](std::stop_token stop) {
      Event never;
      never.wait(std::move(stop));
      ++count;
    });
    thread.start();
    threads.push_back(std::move(thread));
    EXPECT_THROW((void)thread.name(), RuntimeError);  // NOLINT(bugprone-use-after-move)
    EXPECT_THROW(thread.start(), RuntimeError);
    EXPECT_THROW(thread.join(), RuntimeError);
  }
  threads[0] = Thread([] {});
  EXPECT_EQ(count, 1) << "assignment joins what was there";
  Thread& self = threads[1];
  threads[1] = std::move(self);
  EXPECT_TRUE(threads[1].is_alive());
  threads.clear();
  EXPECT_EQ(count, 5);
}

TEST(Thread, ItsOwnHandleMayBeDestroyedInTheThread) {
  auto thread = std::make_unique<Thread>();
  std::binary_semaphore moved(0), gone(0);
  auto task = [&] {
    moved.acquire();
    thread.reset();
    gone.release();
  };
  *thread = Thread(task);
  thread->start();
  moved.release();
  gone.acquire();
}

TEST(Thread, HeldBySharedPtrGoesOn) {
  std::binary_semaphore go(0), gone(0);
  std::atomic<int> seen = 0;
  std::make_shared<Thread>(
      [&](int n, const std::stop_token& stop) {
        go.acquire();
        seen = stop.stop_requested() ? -1 : n;
        gone.release();
      },
      7)
      ->start();
  go.release();
  gone.acquire();
  EXPECT_EQ(seen, 7);
}

// ---- subclasses

struct Recorder : Thread {
  explicit Recorder(std::string name = {}) : Thread({.name = std::move(name)}) {}
  void run() override {
    seen = name();
    is_current = current_thread() == *this;
  }
  std::string seen;
  bool is_current = false;
};

TEST(Thread, SubclassOverridesRun) {
  Recorder named("XiaoAi"), unnamed;
  named.start();
  unnamed.start();
  named.join();
  unnamed.join();
  EXPECT_EQ(named.seen, "XiaoAi");
  EXPECT_TRUE(named.is_current);
  EXPECT_TRUE(unnamed.seen.starts_with("Thread-"));
}

struct Around : Thread {
  using Thread::Thread;
  void run() override {
    steps += "before ";
    Thread::run();
    steps += "after";
  }
  std::string steps;
};

TEST(Thread, SubclassMayCallTheTarget) {
  Around thread([&] { thread.steps += "target "; });
  thread.start();
  thread.join();
  EXPECT_EQ(thread.steps, "before target after");
}

TEST(Thread, SubclassHeldBySharedPtrLivesUntilItsRunEnds) {
  struct Held : Thread {
    Held(std::binary_semaphore& g, std::shared_ptr<int> m) : Thread({.name = "held"}), go(g), member(std::move(m)) {}
    void run() override {
      go.acquire();
      ++*member;
    }
    std::binary_semaphore& go;
    std::shared_ptr<int> member;
  };
  std::binary_semaphore go(0);
  auto member = std::make_shared<int>(0);
  std::make_shared<Held>(go, member)->start();
  EXPECT_EQ(member.use_count(), 2);
  auto threads = enumerate();
  const auto handle = std::ranges::find(threads, "held", &Thread::name);
  ASSERT_NE(handle, threads.end());
  go.release();
  handle->join();
  EXPECT_EQ(*member, 1);
  EXPECT_EQ(member.use_count(), 1) << "destroyed when run() had ended";
}

TEST(Thread, SubclassMayBeMovedBeforeItsStartAndAfterItsEnd) {
  Recorder a("a");
  Recorder b = std::move(a);
  b.start();
  b.join();
  const Recorder c = std::move(b);
  EXPECT_EQ(c.seen, "a");
  EXPECT_FALSE(c.is_alive());
}

TEST(Thread, SubclassMovedToAPlainThreadIsNotStarted) {
  std::vector<Thread> threads;
  threads.push_back(Recorder("sliced"));
  EXPECT_TRUE(message_of([&] { threads[0].start(); }).starts_with("can't start sliced, which was moved from"));
  EXPECT_FALSE(threads[0].is_alive());
}

struct Careless : Thread {
  explicit Careless(std::latch& g) : Thread({.name = "careless"}), go(g) {}
  void run() override { go.wait(); }
  std::latch& go;
};

TEST(ThreadDeathTest, SubclassDestroyedWhileItRunsEndsTheProgram) {
  if (os::under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer reports the race first";
  EXPECT_DEATH(
      {
        std::latch go(1);
        Careless thread(go);
        thread.start();
      },
      "careless is destroyed or moved from while its run\\(\\) runs; join\\(\\) it before");
}

TEST(ThreadDeathTest, SubclassMovedFromWhileItRunsEndsTheProgram) {
  if (os::under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer reports the race first";
  EXPECT_DEATH(
      {
        std::latch go(1);
        Careless thread(go);
        thread.start();
        Careless other(std::move(thread));
      },
      "hold it by std::shared_ptr");
}

TEST(ThreadDeathTest, TheTerminateHandlerMayUseTheModule) {
  if (os::under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer reports the race first";
  EXPECT_EXIT(
      {
        std::set_terminate([] { ::_exit(static_cast<int>(active_count())); });
        std::latch go(1);
        Careless thread(go);
        thread.start();
      },
      testing::ExitedWithCode(2), "careless is destroyed");
}

TEST(Thread, RunMayBeCalledByHand) {
  int count = 0;
  Thread thread([&] { ++count; });
  thread.run();
  EXPECT_EQ(count, 1);
  thread.run();
  EXPECT_EQ(count, 1) << "the target is released after its run";
  thread.start();
  thread.join();
  EXPECT_EQ(count, 1);
}

// ---- threads that end otherwise

TEST(Thread, PthreadExitEndsItInOrder) {
  auto argument = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = argument;
  Thread thread([argument = std::move(argument)] { pthread_exit(nullptr); });
  thread.start();
  thread.join();
  EXPECT_FALSE(thread.is_alive());
  EXPECT_FALSE(is_listed(thread));
  EXPECT_TRUE(weak.expired());
}

TEST(Thread, CancellingEndsItInOrder) {
  if (os::under_thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer misses the locks of a thread cancelled in a system call";
  auto argument = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = argument;
  Thread thread([argument = std::move(argument)] {
    for (;;) ::pause();
  });
  thread.start();
  pthread_cancel(static_cast<pthread_t>(thread.ident().value()));
  thread.join();
  EXPECT_FALSE(thread.is_alive());
  EXPECT_TRUE(weak.expired());
}

// Until the thread has given back its stack, pthread_join is a cancellation point.
TEST(Thread, AJoinIsCompletedBeforeItIsCancelled) {
  if (os::under_thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer misses that a cancelled thread ends";
  pthread_key_t slow_end{};  // made after plait's, whose destructors come first
  ASSERT_EQ(pthread_key_create(&slow_end, [](void*) { std::this_thread::sleep_for(50ms); }), 0);
  Thread slow([&] { pthread_setspecific(slow_end, &slow_end); });
  slow.start();
  std::atomic<bool> joined = false;
  Thread cancelled([&] {
    pthread_cancel(pthread_self());
    slow.join();
    joined = true;
    pthread_testcancel();
    joined = false;
  });
  cancelled.start();
  cancelled.join();
  EXPECT_TRUE(joined);
  slow.join();
  pthread_key_delete(slow_end);
}

}  // namespace
}  // namespace plait::threading
