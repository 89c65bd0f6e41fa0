// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every kind of lock must do (Python's lock_tests: BaseLockTests, LockTests, RLockTests). A kind is a type with
// `Workers` (see thread_workers.hpp), `Lock`, and `NotHeld`, which release() throws; define your list and
// INSTANTIATE_TYPED_TEST_SUITE_P. LockSuite is for both kinds of lock, PlainLockSuite for Lock and RLockSuite for
// RLock.

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <mutex>
#include <stop_token>

#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::threading {

using namespace std::chrono_literals;

template <class Kind>
class LockSuite : public testing::Test {
 protected:
  using Workers = typename Kind::Workers;
  using Event = typename Workers::Event;

  static constexpr auto hold = [](auto& lock, auto& held, auto& enough) {
    lock.acquire();
    held.set();
    enough.wait();
    lock.release();
  };
  using HoldTask = decltype(Workers::start(hold, std::declval<typename Kind::Lock&>(), std::declval<Event&>(),
                                           std::declval<Event&>()));

  // Holds the lock elsewhere, until let go.
  class Holder {
   public:
    explicit Holder(typename Kind::Lock& lock) : task_(Workers::start(hold, lock, held_, enough_)) { held_.wait(); }
    ~Holder() { let_go(); }
    void let_go() { enough_.set(); }
    void join() {
      let_go();
      task_.get();
    }

   private:
    Event held_, enough_;
    HoldTask task_;
  };

  typename Kind::Lock lock_;
};

TYPED_TEST_SUITE_P(LockSuite);

TYPED_TEST_P(LockSuite, IsFreeAtFirst) {
  EXPECT_FALSE(this->lock_.locked());
  EXPECT_THROW(this->lock_.release(), typename TypeParam::NotHeld);
  EXPECT_FALSE(this->lock_.locked());
}

TYPED_TEST_P(LockSuite, AcquireAndRelease) {
  EXPECT_TRUE(this->lock_.acquire());
  EXPECT_TRUE(this->lock_.locked());
  this->lock_.release();
  EXPECT_FALSE(this->lock_.locked());
  EXPECT_THROW(this->lock_.release(), typename TypeParam::NotHeld);
}

TYPED_TEST_P(LockSuite, CanBeDestroyedWhileHeld) {
  typename TypeParam::Lock other;
  other.acquire();
}

TYPED_TEST_P(LockSuite, TryingAFreeLockTakesIt) {
  EXPECT_TRUE(this->lock_.acquire(false));
  this->lock_.release();
  EXPECT_TRUE(this->lock_.acquire(TypeParam::Workers::poll()));
  this->lock_.release();
  EXPECT_TRUE(this->lock_.acquire(0s));
  this->lock_.release();
  EXPECT_TRUE(this->lock_.acquire({.timeout = 1h}));
  this->lock_.release();
  EXPECT_TRUE(this->lock_.try_lock_until(std::chrono::system_clock::now() - 1h)) << "a point in the past is a poll";
  this->lock_.release();
}

TYPED_TEST_P(LockSuite, TryingAHeldLockReturnsFalseAtOnce) {
  const typename TestFixture::Holder holder(this->lock_);
  EXPECT_TRUE(this->lock_.locked());
  EXPECT_FALSE(this->lock_.acquire(false));
  EXPECT_FALSE(this->lock_.acquire(TypeParam::Workers::poll()));
  EXPECT_FALSE(this->lock_.acquire(0s));
  EXPECT_FALSE(this->lock_.acquire(Deadline::Clock::now() - 1h));
  EXPECT_FALSE(this->lock_.acquire(std::chrono::system_clock::now() - 1h));
  EXPECT_FALSE(this->lock_.try_lock());
}

TYPED_TEST_P(LockSuite, TimeoutEndsTheWait) {
  typename TestFixture::Holder holder(this->lock_);
  const auto begin = Deadline::Clock::now();
  EXPECT_FALSE(this->lock_.acquire(20ms));
  EXPECT_FALSE(this->lock_.acquire({.timeout = 20ms}));
  EXPECT_GE(Deadline::Clock::now() - begin, 40ms);
  holder.join();
  EXPECT_FALSE(this->lock_.locked()) << "what gave up left no trace";
  EXPECT_TRUE(this->lock_.acquire(1h));
  this->lock_.release();
}

TYPED_TEST_P(LockSuite, AWaiterGetsItWhenItIsReleased) {
  typename TestFixture::Holder holder(this->lock_);
  typename TestFixture::Event waits;
  auto waiter = TestFixture::Workers::start(
      [](auto& lock, auto& about_to_wait) {
        about_to_wait.set();
        lock.acquire();
        lock.release();
        return 7;
      },
      this->lock_, waits);
  waits.wait();
  holder.join();
  EXPECT_EQ(waiter.get(), 7);
  EXPECT_FALSE(this->lock_.locked());
}

TYPED_TEST_P(LockSuite, HoldersExcludeEachOther) {
  static constexpr int rounds = 2000;
  struct Shared {
    typename TypeParam::Lock& lock;
    int counter = 0;
  } shared{this->lock_};
  // The counter is this process's; workers elsewhere prove the same by the locks of their own.
  std::list<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared] {
      for (int round = 0; round < rounds; ++round) {
        const std::scoped_lock held(shared.lock);
        const int before = shared.counter;
        if (round % 64 == 0) std::this_thread::yield();
        shared.counter = before + 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(shared.counter, 4 * rounds);
}

TYPED_TEST_P(LockSuite, WorksWithTheGuardsOfTheStandardLibrary) {
  typename TypeParam::Lock other;
  {
    const std::scoped_lock both(this->lock_, other);
    EXPECT_TRUE(this->lock_.locked() && other.locked());
  }
  {
    std::unique_lock held(this->lock_, std::try_to_lock);
    EXPECT_TRUE(held.owns_lock());
    held.unlock();
    EXPECT_TRUE(held.try_lock_for(1s));
    held.unlock();
    EXPECT_TRUE(held.try_lock_until(std::chrono::system_clock::now() + 1h));
  }
  EXPECT_FALSE(this->lock_.locked());
}

TYPED_TEST_P(LockSuite, StopRequestEndsTheWait) {
  const typename TestFixture::Holder holder(this->lock_);
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  EXPECT_FALSE(this->lock_.acquire(source.get_token()));
  EXPECT_FALSE(this->lock_.acquire({1h, source.get_token()})) << "requested before";
}

TYPED_TEST_P(LockSuite, AFreeLockIsTakenThoughAStopIsRequested) {
  std::stop_source source;
  source.request_stop();
  EXPECT_TRUE(this->lock_.acquire(source.get_token()));
  this->lock_.release();
}

REGISTER_TYPED_TEST_SUITE_P(LockSuite, IsFreeAtFirst, AcquireAndRelease, CanBeDestroyedWhileHeld,
                            TryingAFreeLockTakesIt, TryingAHeldLockReturnsFalseAtOnce, TimeoutEndsTheWait,
                            AWaiterGetsItWhenItIsReleased, HoldersExcludeEachOther,
                            WorksWithTheGuardsOfTheStandardLibrary, StopRequestEndsTheWait,
                            AFreeLockIsTakenThoughAStopIsRequested);

// ---- Lock

template <class Kind>
class PlainLockSuite : public LockSuite<Kind> {};

TYPED_TEST_SUITE_P(PlainLockSuite);

TYPED_TEST_P(PlainLockSuite, AnyOtherMayRelease) {
  this->lock_.acquire();
  TestFixture::Workers::start([](auto& lock) { lock.release(); }, this->lock_).get();
  EXPECT_FALSE(this->lock_.locked());
}

TYPED_TEST_P(PlainLockSuite, IsNotReentrant) {
  this->lock_.acquire();
  EXPECT_FALSE(this->lock_.acquire(false));
  EXPECT_FALSE(this->lock_.acquire(5ms));
  this->lock_.release();
}

TYPED_TEST_P(PlainLockSuite, ASecondAcquireWaitsForARelease) {
  this->lock_.acquire();
  auto releaser = TestFixture::Workers::start([](auto& lock) { lock.release(); }, this->lock_);
  this->lock_.acquire();
  releaser.get();
  EXPECT_TRUE(this->lock_.locked());
  this->lock_.release();
}

REGISTER_TYPED_TEST_SUITE_P(PlainLockSuite, AnyOtherMayRelease, IsNotReentrant, ASecondAcquireWaitsForARelease);

// ---- RLock

template <class Kind>
class RLockSuite : public LockSuite<Kind> {};

TYPED_TEST_SUITE_P(RLockSuite);

TYPED_TEST_P(RLockSuite, OwnerAcquiresAgain) {
  this->lock_.acquire();
  EXPECT_TRUE(this->lock_.acquire());
  EXPECT_TRUE(this->lock_.acquire(false));
  EXPECT_TRUE(this->lock_.acquire(0s));
  EXPECT_TRUE(this->lock_.try_lock());
  for (int depth = 5; depth > 0; --depth) {
    EXPECT_TRUE(this->lock_.locked());
    this->lock_.release();
  }
  EXPECT_FALSE(this->lock_.locked());
  EXPECT_THROW(this->lock_.release(), typename TypeParam::NotHeld);
}

TYPED_TEST_P(RLockSuite, IsFreeForOthersAfterTheLastRelease) {
  const auto try_elsewhere = [this] {
    return TestFixture::Workers::start(
               [](auto& lock) {
                 const bool got = lock.acquire(false);
                 if (got) lock.release();
                 return got;
               },
               this->lock_)
        .get();
  };
  this->lock_.acquire();
  this->lock_.acquire();
  EXPECT_FALSE(try_elsewhere());
  this->lock_.release();
  EXPECT_FALSE(try_elsewhere());
  this->lock_.release();
  EXPECT_TRUE(try_elsewhere());
}

TYPED_TEST_P(RLockSuite, ReleaseByAnotherThrows) {
  const auto release_elsewhere = [this] {
    TestFixture::Workers::start([](auto& lock) { lock.release(); }, this->lock_).get();
  };
  EXPECT_THROW(release_elsewhere(), typename TypeParam::NotHeld);
  this->lock_.acquire();
  EXPECT_THROW(release_elsewhere(), typename TypeParam::NotHeld);
  EXPECT_TRUE(this->lock_.locked());
  this->lock_.release();
}

TYPED_TEST_P(RLockSuite, LockedIsSeenByOthers) {
  const auto locked_elsewhere = [this] {
    return TestFixture::Workers::start([](auto& lock) { return lock.locked(); }, this->lock_).get();
  };
  EXPECT_FALSE(locked_elsewhere());
  this->lock_.acquire();
  EXPECT_TRUE(locked_elsewhere());
  this->lock_.release();
  EXPECT_FALSE(locked_elsewhere());
}

REGISTER_TYPED_TEST_SUITE_P(RLockSuite, OwnerAcquiresAgain, IsFreeForOthersAfterTheLastRelease, ReleaseByAnotherThrows,
                            LockedIsSeenByOthers);

}  // namespace plait::threading
