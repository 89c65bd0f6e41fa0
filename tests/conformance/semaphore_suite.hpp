// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every kind of Semaphore must do (Python's lock_tests: BaseSemaphoreTests, SemaphoreTests,
// BoundedSemaphoreTests), over a back end as in thread_workers.hpp.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>
#include <stop_token>
#include <thread>

#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::threading {

using namespace std::chrono_literals;

template <class Workers>
class SemaphoreSuite : public testing::Test {};

TYPED_TEST_SUITE_P(SemaphoreSuite);

TYPED_TEST_P(SemaphoreSuite, NegativeValueIsRefused) {
  EXPECT_THROW(typename TypeParam::Semaphore(-1), ValueError);
  EXPECT_THROW(typename TypeParam::BoundedSemaphore(-1), ValueError);
}

TYPED_TEST_P(SemaphoreSuite, HasOnePermitByDefault) {
  typename TypeParam::Semaphore semaphore;
  EXPECT_TRUE(semaphore.acquire());
  EXPECT_FALSE(semaphore.acquire(false));
  semaphore.release();
  EXPECT_TRUE(semaphore.acquire(false));
}

TYPED_TEST_P(SemaphoreSuite, GivesAsManyPermitsAsItHas) {
  typename TypeParam::Semaphore semaphore(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(semaphore.acquire(TypeParam::poll()));
  EXPECT_FALSE(semaphore.acquire(TypeParam::poll()));
  semaphore.release(2);
  EXPECT_TRUE(semaphore.acquire(0s));
  EXPECT_TRUE(semaphore.acquire(1h));
  EXPECT_FALSE(semaphore.acquire(0s));
  EXPECT_FALSE(semaphore.acquire(-1s)) << "a poll, as in Python";
}

TYPED_TEST_P(SemaphoreSuite, TimeoutEndsTheWait) {
  typename TypeParam::Semaphore semaphore(0);
  const auto begin = Deadline::Clock::now();
  EXPECT_FALSE(semaphore.acquire(20ms));
  EXPECT_FALSE(semaphore.acquire({.timeout = 20ms}));
  EXPECT_GE(Deadline::Clock::now() - begin, 40ms);
  semaphore.release();
  EXPECT_TRUE(semaphore.acquire(1h)) << "giving up left no trace";
  EXPECT_FALSE(semaphore.acquire(false));
}

TYPED_TEST_P(SemaphoreSuite, BadArgumentsAreRefused) {
  typename TypeParam::Semaphore semaphore(1);
  EXPECT_THROW(semaphore.release(0), ValueError);
  EXPECT_THROW(semaphore.release(-1), ValueError);
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false)) << "nothing was given";
}

TYPED_TEST_P(SemaphoreSuite, MayGrowBeyondItsInitialValue) {
  typename TypeParam::Semaphore semaphore(1);
  semaphore.release();
  semaphore.release(5);
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false));
}

TYPED_TEST_P(SemaphoreSuite, ReleaseWakesAsManyWaiters) {
  typename TypeParam::Semaphore semaphore(0), done(0);
  const auto take_one = [](auto& permits, auto& taken) {
    permits.acquire();
    taken.release();
  };
  using Task = decltype(TypeParam::start(take_one, semaphore, done));
  std::list<Task> waiters;
  for (int i = 0; i < 6; ++i) waiters.push_back(TypeParam::start(take_one, semaphore, done));
  semaphore.release();
  semaphore.release(2);
  for (int i = 0; i < 3; ++i) done.acquire();
  EXPECT_FALSE(done.acquire(false)) << "three only";
  semaphore.release(3);
  for (auto& waiter : waiters) waiter.get();
  EXPECT_FALSE(semaphore.acquire(false));
}

TYPED_TEST_P(SemaphoreSuite, NoMoreInsideThanPermits) {
  typename TypeParam::Semaphore semaphore(3);
  std::atomic<int> inside{0}, most{0};
  std::list<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        const std::scoped_lock one(semaphore);
        int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        if (round % 16 == 0) std::this_thread::yield();
        --inside;
      }
    });
  }
  threads.clear();
  EXPECT_LE(most, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(semaphore.acquire(false)) << "all permits are back";
  EXPECT_FALSE(semaphore.acquire(false));
}

TYPED_TEST_P(SemaphoreSuite, BoundedRefusesAReleaseTooMany) {
  typename TypeParam::BoundedSemaphore semaphore(2);
  EXPECT_THROW(semaphore.release(), ValueError);
  semaphore.acquire();
  EXPECT_THROW(semaphore.release(2), ValueError);
  semaphore.release();
  EXPECT_THROW(semaphore.release(), ValueError);
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false)) << "the value is unchanged";
}

TYPED_TEST_P(SemaphoreSuite, StopRequestEndsTheWait) {
  typename TypeParam::Semaphore semaphore(0);
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  EXPECT_FALSE(semaphore.acquire(source.get_token()));
  semaphore.release();
  EXPECT_TRUE(semaphore.acquire(source.get_token())) << "what is there is taken";
}

REGISTER_TYPED_TEST_SUITE_P(SemaphoreSuite, NegativeValueIsRefused, HasOnePermitByDefault, GivesAsManyPermitsAsItHas,
                            TimeoutEndsTheWait, BadArgumentsAreRefused, MayGrowBeyondItsInitialValue,
                            ReleaseWakesAsManyWaiters, NoMoreInsideThanPermits, BoundedRefusesAReleaseTooMany,
                            StopRequestEndsTheWait);

}  // namespace plait::threading
