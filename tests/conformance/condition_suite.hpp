// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every kind of Condition must do (Python's lock_tests: ConditionTests), over a back end as in thread_workers.hpp.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::threading {

using namespace std::chrono_literals;

template <class Workers>
class ConditionSuite : public testing::Test {
 protected:
  // What a waiter does: one permit of `waits` is given while the lock is held, one of `woken` when it has been woken,
  // and then the lock is held.
  static constexpr auto wait_once = [](auto& condition, auto& waits, auto& woken) {
    const std::scoped_lock held(condition);
    waits.release();
    const bool notified = condition.wait();
    woken.release();
    return notified;
  };
  using Task = decltype(Workers::start(wait_once, std::declval<typename Workers::Condition&>(),
                                       std::declval<typename Workers::Semaphore&>(),
                                       std::declval<typename Workers::Semaphore&>()));

  // Returns when `count` more of them wait.
  void start_waiters(int count) {
    for (int i = 0; i < count; ++i) tasks_.push_back(Workers::start(wait_once, condition_, waits_, woken_));
    for (int i = 0; i < count; ++i) waits_.acquire();
    // Each gave its permit with the lock held, which it gives up only by waiting.
    const std::scoped_lock held(condition_);
  }
  void notify(std::int64_t n) {
    const std::scoped_lock held(condition_);
    condition_.notify(n);
  }
  void expect_woken(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(woken_.acquire(1h));
    EXPECT_FALSE(woken_.acquire(false));
  }

  typename Workers::Condition condition_;
  typename Workers::Semaphore waits_{0}, woken_{0};
  std::list<Task> tasks_;
};

TYPED_TEST_SUITE_P(ConditionSuite);

TYPED_TEST_P(ConditionSuite, UseWithoutTheLockThrows) {
  EXPECT_THROW(this->condition_.wait(), typename TypeParam::NotOwned);
  EXPECT_THROW(this->condition_.wait(0s), typename TypeParam::NotOwned);
  EXPECT_THROW(this->condition_.notify(), typename TypeParam::NotOwned);
  EXPECT_THROW(this->condition_.notify_all(), typename TypeParam::NotOwned);
  EXPECT_THROW(this->condition_.release(), typename TypeParam::NotOwned);
}

TYPED_TEST_P(ConditionSuite, AcquireAndReleaseAreTheLocks) {
  EXPECT_TRUE(this->condition_.acquire());
  EXPECT_TRUE(this->condition_.acquire(false)) << "its own lock is recursive";
  const auto try_elsewhere = [this] {
    return TypeParam::start([](auto& condition) { return condition.acquire(false); }, this->condition_).get();
  };
  EXPECT_FALSE(try_elsewhere());
  this->condition_.release();
  EXPECT_FALSE(try_elsewhere());
  this->condition_.release();
}

TYPED_TEST_P(ConditionSuite, NotifyWithoutWaitersIsNotRemembered) {
  const std::scoped_lock held(this->condition_);
  this->condition_.notify();
  this->condition_.notify(5);
  this->condition_.notify_all();
  EXPECT_FALSE(this->condition_.wait(10ms));
}

TYPED_TEST_P(ConditionSuite, NotifyWakesAsManyAsAskedFor) {
  this->start_waiters(7);
  this->notify(0);
  this->expect_woken(0);
  this->notify(1);
  this->expect_woken(1);
  this->notify(3);
  this->expect_woken(3);
  this->notify(100);
  this->expect_woken(3);
  for (auto& task : this->tasks_) EXPECT_TRUE(task.get());
}

TYPED_TEST_P(ConditionSuite, NotifyAllWakesAll) {
  this->start_waiters(5);
  {
    const std::scoped_lock held(this->condition_);
    this->condition_.notify_all();
    EXPECT_FALSE(this->woken_.acquire(5ms)) << "they go on when the lock is given up";
  }
  this->expect_woken(5);
}

TYPED_TEST_P(ConditionSuite, TimeoutReturnsFalseWithTheLock) {
  this->condition_.acquire();
  const auto begin = Deadline::Clock::now();
  EXPECT_FALSE(this->condition_.wait(20ms));
  EXPECT_GE(Deadline::Clock::now() - begin, 20ms);
  EXPECT_FALSE(this->condition_.wait(0s));
  EXPECT_FALSE(this->condition_.wait(-1s));
  this->condition_.release();
  EXPECT_THROW(this->condition_.release(), typename TypeParam::NotOwned) << "was held exactly once";
}

TYPED_TEST_P(ConditionSuite, WaitGivesUpARecursiveLockWhollyAndTakesItBack) {
  for (int i = 0; i < 3; ++i) this->condition_.acquire();
  auto notifier = TypeParam::start(
      [](auto& condition) {
        const std::scoped_lock held(condition);
        condition.notify();
      },
      this->condition_);
  EXPECT_TRUE(this->condition_.wait());
  notifier.get();
  for (int i = 0; i < 3; ++i) this->condition_.release();
  EXPECT_THROW(this->condition_.release(), typename TypeParam::NotOwned);
}

TYPED_TEST_P(ConditionSuite, AWaiterThatGaveUpIsNotNotified) {
  {
    const std::scoped_lock held(this->condition_);
    EXPECT_FALSE(this->condition_.wait(1ms));
  }
  this->start_waiters(1);
  this->notify(1);
  this->expect_woken(1);
}

TYPED_TEST_P(ConditionSuite, WaitForReturnsTheLastValueOfThePredicate) {
  const std::scoped_lock held(this->condition_);
  EXPECT_EQ(this->condition_.wait_for([] { return 42; }), 42);
  int calls = 0;
  EXPECT_EQ(this->condition_.wait_for([&calls] { return ++calls, 0; }, 20ms), 0);
  EXPECT_EQ(calls, 2) << "before waiting and after the timeout";
  EXPECT_FALSE(this->condition_.wait_for([] { return false; }, 0s));
  EXPECT_THROW(this->condition_.wait_for([]() -> bool { throw std::domain_error("no"); }), std::domain_error);
}

TYPED_TEST_P(ConditionSuite, WaitForWaitsUntilThePredicateHolds) {
  typename TypeParam::Semaphore looked(0);
  auto notifier = TypeParam::start(
      [](auto& condition, auto& seen) {
        for (int i = 0; i < 3; ++i) {
          seen.acquire();
          const std::scoped_lock held(condition);
          condition.notify();
        }
      },
      this->condition_, looked);
  int calls = 0;
  {
    const std::scoped_lock held(this->condition_);
    EXPECT_TRUE(this->condition_.wait_for([&] {
      looked.release();
      return ++calls == 4;
    }));
  }
  notifier.get();
  EXPECT_EQ(calls, 4);
}

TYPED_TEST_P(ConditionSuite, StopRequestEndsTheWait) {
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  this->condition_.acquire();
  EXPECT_FALSE(this->condition_.wait(source.get_token()));
  EXPECT_FALSE(this->condition_.wait_for([] { return false; }, source.get_token()));
  this->condition_.release();
}

// Every notification counts, and every waiter: none is lost between giving the lock up and sleeping, nor when waiters
// time out at the moment they are notified.
TYPED_TEST_P(ConditionSuite, NotificationsAndTimeoutsAddUp) {
  int waiting = 0, notified = 0, timed_out = 0, sent = 0;  // guarded by the condition; waiting: and not notified
  bool over = false;
  std::list<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const std::scoped_lock held(this->condition_);
      while (!over) {
        ++waiting;
        if (this->condition_.wait(20us)) {
          ++notified;
        } else {
          ++timed_out;
          --waiting;
        }
      }
    });
  }
  for (int round = 0, enough = 300; enough > 0; ++round) {
    if (round % 2 == 0) {  // longer than they wait
      for (const Deadline pause = 30us; !pause.expired();) std::this_thread::yield();
    }
    const std::scoped_lock held(this->condition_);
    // Who has given up but does not hold the lock yet still counts as waiting, and is notified.
    if (waiting > 0) {
      --waiting;
      this->condition_.notify();
      ++sent;
    }
    if (notified > 300 && timed_out > 300) --enough;
  }
  {
    const std::scoped_lock held(this->condition_);
    over = true;
  }
  threads.clear();
  EXPECT_EQ(notified, sent);
}

// Who is notified after his time has come, but before he has the lock again, counts as notified.
TYPED_TEST_P(ConditionSuite, ANotificationBeatsATimeoutThatIsNotReportedYet) {
  typename TypeParam::Semaphore waits(0);
  auto waiter = TypeParam::start(
      [](auto& condition, auto& about_to_wait) {
        const std::scoped_lock held(condition);
        about_to_wait.release();
        return condition.wait(20ms);
      },
      this->condition_, waits);
  waits.acquire();
  {
    const std::scoped_lock held(this->condition_);  // it waits
    for (const Deadline long_past = 60ms; !long_past.expired();) std::this_thread::yield();
    this->condition_.notify();
  }
  EXPECT_TRUE(waiter.get());
}

TYPED_TEST_P(ConditionSuite, NotifyOfLessThanOneWakesNobody) {
  this->start_waiters(1);
  this->notify(-1);
  this->expect_woken(0);
  this->notify(1);
  this->expect_woken(1);
}

REGISTER_TYPED_TEST_SUITE_P(ConditionSuite, UseWithoutTheLockThrows, AcquireAndReleaseAreTheLocks,
                            NotifyWithoutWaitersIsNotRemembered, NotifyWakesAsManyAsAskedFor, NotifyAllWakesAll,
                            TimeoutReturnsFalseWithTheLock, WaitGivesUpARecursiveLockWhollyAndTakesItBack,
                            AWaiterThatGaveUpIsNotNotified, WaitForReturnsTheLastValueOfThePredicate,
                            WaitForWaitsUntilThePredicateHolds, StopRequestEndsTheWait, NotificationsAndTimeoutsAddUp,
                            ANotificationBeatsATimeoutThatIsNotReportedYet, NotifyOfLessThanOneWakesNobody);

}  // namespace plait::threading
