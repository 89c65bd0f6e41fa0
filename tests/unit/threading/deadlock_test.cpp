// SPDX-License-Identifier: Apache-2.0
// Runs with PLAIT_DEADLOCK=1.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <latch>
#include <mutex>
#include <string>
#include <thread>

#include "plait/threading/condition.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

// Before the first lock is made, which is when it is read.
[[maybe_unused]] const bool watching = ::setenv("PLAIT_DEADLOCK", "1", 1) == 0;

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

template <class First, class Second>
__attribute__((noinline)) void take_in_order(First& first, Second& second) {
  const std::scoped_lock outer(first);
  const std::scoped_lock inner(second);
  asm volatile("");  // no tail call: the frame is looked for in the report
}

constexpr auto contradiction = "contradicting orders";

TEST(Deadlock, ContradictingOrdersAreReportedOnceWithBothStacks) {
  Lock a, b;
  CaptureStderr();
  take_in_order(a, b);
  take_in_order(a, b);
  EXPECT_EQ(GetCapturedStderr(), "");
  CaptureStderr();
  std::jthread([&] { take_in_order(b, a); }).join();
  const std::string report = GetCapturedStderr();
  EXPECT_EQ(count(report, contradiction), 1) << report;
  EXPECT_EQ(count(report, " held the lock at "), 2) << report;
  EXPECT_GE(count(report, "take_in_order"), 4) << "where each was acquired and wanted:\n" << report;
  CaptureStderr();
  take_in_order(b, a);
  take_in_order(a, b);
  EXPECT_EQ(GetCapturedStderr(), "") << "once";
}

TEST(Deadlock, ACircleOfThreeIsReported) {
  Lock a;
  RLock b;
  Lock c;
  CaptureStderr();
  take_in_order(a, b);
  take_in_order(b, c);
  EXPECT_EQ(GetCapturedStderr(), "");
  CaptureStderr();
  take_in_order(c, a);
  const std::string report = GetCapturedStderr();
  EXPECT_EQ(count(report, contradiction), 1) << report;
  EXPECT_EQ(count(report, " held the lock at "), 3) << report;
}

TEST(Deadlock, StdLockIsNoContradiction) {
  Lock a, b;
  CaptureStderr();
  for (int i = 0; i < 2; ++i) {
    if (i == 0) std::lock(a, b);
    if (i == 1) std::lock(b, a);
    a.unlock();
    b.unlock();
  }
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Deadlock, ADestroyedLockIsForgotten) {
  Lock a;
  alignas(Lock) std::byte memory[sizeof(Lock)];
  CaptureStderr();
  auto* b = new (memory) Lock;
  take_in_order(a, *b);
  b->~Lock();
  b = new (memory) Lock;  // another one, at the same address
  take_in_order(*b, a);
  b->~Lock();
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Deadlock, TryingContradictsNothing) {
  Lock a, b;
  take_in_order(a, b);
  CaptureStderr();
  {
    const std::scoped_lock outer(b);
    ASSERT_TRUE(a.try_lock());
    a.unlock();
  }
  EXPECT_EQ(GetCapturedStderr(), "");
}

// Both threads hold one lock and want the other's: the one that comes last is thrown out, the other goes on.
TEST(Deadlock, ARealOneThrowsInsteadOfHanging) {
  Lock a, b;
  std::latch both(2);
  std::atomic<int> thrown{0}, done{0};
  std::string message;
  const auto take = [&](Lock& first, Lock& second) {
    try {
      const std::scoped_lock outer(first);
      both.arrive_and_wait();
      const std::scoped_lock inner(second);
      ++done;
    } catch (const DeadlockError& error) {
      ++thrown;
      message = error.what();
    }
  };
  CaptureStderr();
  {
    std::jthread other([&] { take(b, a); });
    take(a, b);
  }
  GetCapturedStderr();  // the contradiction is reported besides
  EXPECT_EQ(thrown, 1);
  EXPECT_EQ(done, 1);
  EXPECT_NE(message.find("is held by thread"), std::string::npos) << message;
  EXPECT_FALSE(a.locked() || b.locked());
}

__attribute__((noinline)) void acquire_once_more(Lock& lock) {
  lock.acquire();
  asm volatile("");
}

TEST(Deadlock, AcquiringALockTwiceThrows) {
  Lock lock;
  lock.acquire();
  try {
    acquire_once_more(lock);
    ADD_FAILURE() << "it has got what it has";
  } catch (const DeadlockError& error) {
    EXPECT_NE(std::string(error.what()).find("acquire_once_more"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(lock.acquire(1ms)) << "this wait would have ended";
  EXPECT_TRUE(lock.locked());
  lock.release();
  RLock recursive;
  recursive.acquire();
  recursive.acquire();
  recursive.release();
  recursive.release();
}

// A lock that one thread acquires and another releases is a signal, and has no owner.
TEST(Deadlock, ALockUsedAsASignalIsNone) {
  Lock signal;
  signal.acquire();
  std::jthread([&] { signal.release(); }).join();
  signal.acquire();
  std::jthread releaser([&] { signal.release(); });
  signal.acquire();
  signal.release();
}

// One thread waits in a condition for its lock to be free again and has another lock besides, which the other thread
// wants, who has the condition's lock.
TEST(Deadlock, AConditionThatTakesItsLockBackCounts) {
  Lock lock, besides;
  Condition condition(lock);
  Event waits;
  std::atomic<int> thrown{0};
  CaptureStderr();
  {
    std::jthread waiter([&] {
      const std::scoped_lock held(lock);
      const std::scoped_lock also(besides);
      waits.set();
      condition.wait();
    });
    waits.wait();
    std::jthread notifier([&] {
      const std::scoped_lock held(lock);
      condition.notify();
      try {
        // The waiter needs the lock to give up the other one; sooner or later it waits for it.
        besides.acquire();
        besides.release();
      } catch (const DeadlockError&) {
        ++thrown;
      }
    });
  }
  const std::string report = GetCapturedStderr();
  EXPECT_TRUE(thrown == 1 || report.find("deadlock: thread") != std::string::npos) << report;
}

TEST(Deadlock, AThreadThatEndedHoldingALockIsNotTakenForTheNextOne) {
  Lock baton;
  CaptureStderr();
  std::thread([&] { baton.acquire(); }).join();
  Event waits;
  std::jthread next([&] {  // likely with the same pthread_t
    waits.set();
    EXPECT_NO_THROW(baton.acquire());
    baton.release();
  });
  waits.wait();
  baton.release();
  next.join();
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Deadlock, PollsContradictNothing) {
  Condition a, b;
  CaptureStderr();
  { const std::scoped_lock both(a, b); }
  {
    const std::scoped_lock both(b, a);  // std::lock takes the second by trying
  }
  Lock first, second;
  take_in_order(first, second);
  second.acquire();
  EXPECT_TRUE(first.acquire(0s));
  first.release();
  second.release();
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(Deadlock, ManyLocksAreForgottenQuickly) {
  constexpr int count = 50'000;
  std::deque<Lock> locks(count);
  locks[0].acquire();
  for (int i = 1; i < count; ++i) {  // hand over hand
    locks[static_cast<std::size_t>(i)].acquire();
    locks[static_cast<std::size_t>(i) - 1].release();
  }
  locks[count - 1].release();
}

TEST(Deadlock, ConditionsAndTimeoutsWorkAsEver) {
  Condition condition;
  bool flag = false;
  std::jthread notifier([&] {
    const std::scoped_lock held(condition);
    flag = true;
    condition.notify();
  });
  const std::scoped_lock held(condition);
  EXPECT_TRUE(condition.wait_for([&] { return flag; }));
  EXPECT_FALSE(condition.wait(1ms));
}

}  // namespace
}  // namespace plait::threading
