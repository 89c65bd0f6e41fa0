// SPDX-License-Identifier: Apache-2.0
// What is not in the suite that every kind of condition must pass (tests/conformance/condition_suite.hpp).
#include "plait/threading/condition.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "plait/threading/semaphore.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;

TEST(Condition, NotifiesInTheOrderOfWaiting) {
  constexpr int count = 8;
  Condition condition;
  Semaphore waits(0), woken(0);
  std::vector<int> order;  // guarded by the condition
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      const std::scoped_lock held(condition);
      waits.release();
      condition.wait();
      order.push_back(i);
      woken.release();
    });
    waits.acquire();
    const std::scoped_lock held(condition);  // it waits now
  }
  for (int i = 0; i < count; ++i) {
    {
      const std::scoped_lock held(condition);
      condition.notify();
    }
    woken.acquire();
  }
  threads.clear();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

// A waiter that loses the lock to newcomers again and again is in no worse place for it.
template <class L>
void wait_and_notify_over(L& lock) {
  Condition condition(lock);
  bool flag = false;
  std::jthread notifier([&] {
    const std::scoped_lock held(lock);
    flag = true;
    condition.notify_all();
  });
  {
    std::unique_lock held(lock);
    EXPECT_TRUE(condition.wait_for([&] { return flag; }));
    EXPECT_FALSE(condition.wait(1ms));
  }
  {
    const std::scoped_lock held(condition);  // its own acquire and release are the lock's
    EXPECT_TRUE(flag);
  }
}

TEST(Condition, WorksOverALock) {
  Lock lock;
  wait_and_notify_over(lock);
  Condition condition(lock);
  EXPECT_THROW(condition.wait(0s), RuntimeError);
  EXPECT_THROW(condition.notify(), RuntimeError);
}

TEST(Condition, WorksOverAnRLock) {
  RLock lock;
  wait_and_notify_over(lock);
  Condition condition(lock);
  EXPECT_THROW(condition.wait(0s), RuntimeError);
  EXPECT_THROW(condition.notify(), RuntimeError);
}

TEST(Condition, WorksOverTheMutexesOfTheStandardLibrary) {
  std::mutex plain;
  wait_and_notify_over(plain);
  std::timed_mutex timed;
  wait_and_notify_over(timed);
}

// No more than lock() and unlock().
struct BareLock {
  void lock() { mutex.lock(); }
  void unlock() { mutex.unlock(); }
  std::mutex mutex;
};

TEST(Condition, WorksOverWhatCanOnlyLockAndUnlock) {
  BareLock lock;
  Condition condition(lock);
  condition.acquire();
  EXPECT_FALSE(condition.wait(1ms));
  condition.release();
  EXPECT_THROW((void)condition.acquire(0s), TypeError) << "it cannot try";
  EXPECT_THROW((void)condition.acquire(1s), TypeError);
}

TEST(Condition, WorksOverAUniqueLock) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  Condition condition(lock);
  EXPECT_FALSE(condition.wait(1ms));
  EXPECT_TRUE(lock.owns_lock());
}

// std::unique_lock knows that it is not locked, and says so.
TEST(Condition, AForeignLockThatRefusesToBeReleasedLeavesNoWaiterBehind) {
  std::mutex mutex;
  std::unique_lock lock(mutex, std::defer_lock);
  Condition condition(lock);
  EXPECT_THROW(condition.wait(), std::system_error);
  lock.lock();
  condition.notify_all();
}

TEST(Condition, AcquiresAForeignLockAsFarAsThatCan) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not know of std::timed_mutex's try_lock_until";
#endif
  std::timed_mutex timed;
  Condition over_timed(timed);
  EXPECT_TRUE(over_timed.acquire(1h));
  over_timed.release();
  EXPECT_TRUE(over_timed.acquire(false));
  over_timed.release();
  const std::stop_source source;
  EXPECT_THROW((void)over_timed.acquire(source.get_token()), TypeError);
  std::mutex plain;
  Condition over_plain(plain);
  EXPECT_TRUE(over_plain.acquire({.blocking = true}));
  over_plain.release();
  EXPECT_TRUE(over_plain.acquire(Until()));
  over_plain.release();
  EXPECT_TRUE(over_plain.acquire(0s));
  over_plain.release();
  EXPECT_THROW((void)over_plain.acquire(1h), TypeError);
}

TEST(Condition, SeveralMayShareALock) {
  Lock lock;
  Condition not_empty(lock), not_full(lock);
  int items = 0;
  std::jthread consumer([&] {
    for (int i = 0; i < 1000; ++i) {
      const std::scoped_lock held(lock);
      not_empty.wait_for([&] { return items > 0; });
      --items;
      not_full.notify();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    const std::scoped_lock held(lock);
    not_full.wait_for([&] { return items < 2; });
    ++items;
    not_empty.notify();
  }
  consumer.join();
  EXPECT_EQ(items, 0);
}

TEST(Condition, StdConditionVariableAnyTakesPlaitsLocks) {
  Lock lock;
  std::condition_variable_any condition;
  bool flag = false;
  std::jthread notifier([&] {
    const std::scoped_lock held(lock);
    flag = true;
    condition.notify_one();
  });
  std::unique_lock held(lock);
  condition.wait(held, [&] { return flag; });
  EXPECT_TRUE(flag);
}

}  // namespace
}  // namespace plait::threading
