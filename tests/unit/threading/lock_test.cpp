// SPDX-License-Identifier: Apache-2.0
// What is not in the suites that every kind of lock must pass (tests/conformance/lock_suite.hpp).
#include "plait/threading/lock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "plait/threading/event.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/threading/semaphore.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;

static_assert(sizeof(Lock) == 4);
static_assert(!std::is_copy_constructible_v<Lock> && !std::is_move_constructible_v<Lock>);

constinit Lock static_lock;
constinit RLock static_rlock;

TEST(Lock, IsThereBeforeAnyCodeRuns) {
  const std::scoped_lock held(static_lock, static_rlock);
  EXPECT_TRUE(static_lock.locked());
}

// Takes the lock back at once after every release, so that a waiter that is woken always comes too late; until the lock
// is handed over. Without that, the waiter would have to come in the few nanoseconds between.
template <class L>
bool hands_over(L& lock) {
  lock.lock();
  std::atomic<bool> got{false};
  std::jthread waiter([&] {
    lock.lock();
    got = true;
    lock.unlock();
  });
  for (int round = 0; round < 200; ++round) {
    for (const Deadline it_waits_again = 500us; !it_waits_again.expired();) std::this_thread::yield();
    lock.unlock();
    if (!lock.try_lock()) return true;
  }
  lock.unlock();
  return got;
}
TEST(Lock, IsHandedToAWaiterThatCameTooLate) {
  Lock lock;
  EXPECT_TRUE(hands_over(lock));
}
TEST(Semaphore, IsHandedToAWaiterThatCameTooLate) {
  Semaphore semaphore;
  EXPECT_TRUE(hands_over(semaphore));
}

TEST(Lock, TryLockForOfNoTimeTriesOnce) {
  Lock lock;
  EXPECT_TRUE(lock.try_lock_for(-1s)) << "as the standard says, no ValueError";
  EXPECT_FALSE(lock.try_lock_for(0s));
  lock.unlock();
}

TEST(Lock, WithHoldsItForAScope) {
  Lock lock;
  {
    const With held(lock);
    EXPECT_TRUE(lock.locked());
  }
  EXPECT_FALSE(lock.locked());
}

TEST(Lock, StdLockTakesSeveralWithoutDeadlock) {
  Lock a;
  RLock b;
  Semaphore c;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 1000; ++round) {
          if (i == 0) {
            const std::scoped_lock all(a, b, c);
            ++count;
          } else {
            const std::scoped_lock all(c, b, a);
            ++count;
          }
        }
      });
    }
  }
  EXPECT_EQ(count, 2000);
}

// A thread that takes and releases in a loop does not keep the others out for ever.
TEST(Lock, NobodyStarves) {
  Lock lock;
  std::atomic<bool> over{false};
  std::jthread greedy([&] {
    while (!over) {
      const std::scoped_lock held(lock);
      for (int i = 0; i < 1000; ++i) asm volatile("");
    }
  });
  for (int i = 0; i < 100; ++i) {
    const std::scoped_lock held(lock);
  }
  over = true;
}

// The one that is given the lock may destroy it though the release that gave it has not returned.
template <class L>
void destroy_right_after_acquire() {
  for (int round = 0; round < 2000; ++round) {
    auto lock = std::make_unique<L>();
    lock->lock();
    std::jthread releaser([raw = lock.get()] { raw->unlock(); });
    lock->lock();
    lock.reset();
  }
}
TEST(Lock, MayBeDestroyedByTheNextOwnerAtOnce) { destroy_right_after_acquire<Lock>(); }
TEST(Semaphore, MayBeDestroyedByWhoTookThePermitAtOnce) { destroy_right_after_acquire<Semaphore>(); }

TEST(Event, MayBeDestroyedByAWaiterAtOnce) {
  for (int round = 0; round < 2000; ++round) {
    auto event = std::make_unique<Event>();
    std::jthread setter([raw = event.get()] { raw->set(); });
    event->wait();
    event.reset();
  }
}

// Timeouts, stops and releases at the same moments: whatever wins, the lock is given to exactly one.
TEST(Lock, TimeoutsAndStopsRaceWithReleases) {
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Lock lock;
  int inside = 0, most = 0;
  std::atomic<long> got{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        std::minstd_rand random(seed + i);
        for (int round = 0; round < 3000; ++round) {
          std::stop_source source;
          const auto time = std::chrono::nanoseconds(random() % 60'000);
          std::jthread stopper;
          if (round % 64 == 0) stopper = std::jthread([&source] { source.request_stop(); });
          if (!lock.acquire({time, source.get_token()})) continue;
          most = std::max(most, ++inside);
          if (round % 8 == 0) std::this_thread::yield();
          --inside;
          ++got;
          lock.release();
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
  EXPECT_GT(got, 0);
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.acquire(0s));
}

TEST(Semaphore, PermitsAddUpUnderTimeouts) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  BoundedSemaphore semaphore(2);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 5; ++i) {
      threads.emplace_back([&, i] {
        std::minstd_rand random(seed + i);
        for (int round = 0; round < 3000; ++round) {
          if (!semaphore.acquire(std::chrono::nanoseconds(random() % 60'000))) continue;
          if (round % 8 == 0) std::this_thread::yield();
          semaphore.release();
        }
      });
    }
  }
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_TRUE(semaphore.acquire(false));
  EXPECT_FALSE(semaphore.acquire(false));
}

TEST(Semaphore, TooManyPermitsAreRefused) {
  Semaphore semaphore(std::int64_t{1} << 62);
  EXPECT_THROW(semaphore.release(), ValueError);
  EXPECT_THROW(Semaphore((std::int64_t{1} << 62) + 1), ValueError);
  semaphore.acquire();
  semaphore.release();
}

TEST(RLock, SavesAndRestoresItsDepth) {
  RLock lock;
  EXPECT_FALSE(lock.is_owned());
  EXPECT_EQ(lock.recursion_count(), 0U);
  EXPECT_THROW((void)lock.release_save(), RuntimeError);
  lock.acquire();
  lock.acquire();
  EXPECT_TRUE(lock.is_owned());
  EXPECT_EQ(lock.recursion_count(), 2U);
  const auto depth = lock.release_save();
  EXPECT_FALSE(lock.locked());
  lock.acquire_restore(depth);
  EXPECT_EQ(lock.recursion_count(), 2U);
  lock.release();
  lock.release();
  EXPECT_FALSE(lock.locked());
}

}  // namespace
}  // namespace plait::threading
