// SPDX-License-Identifier: Apache-2.0
// What a forked child finds of the locks of its parent (Python's lock_tests: at-fork cases).
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "plait/threading/barrier.hpp"
#include "plait/threading/condition.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"
#include "plait/threading/semaphore.hpp"
#include "support/in_child.hpp"

namespace plait::threading {
namespace {

using namespace std::chrono_literals;

using tests::holds_in_child;

TEST(Fork, ALockWithWaitersIsHeldInTheChildAndWorks) {
  Lock lock;
  lock.acquire();
  std::jthread waiter([&] {
    lock.acquire();
    lock.release();
  });
  EXPECT_FALSE(lock.acquire(20ms)) << "the waiter has had time to sleep";
  EXPECT_TRUE(holds_in_child([&] {
    if (!lock.locked() || lock.acquire(1ms)) return false;
    lock.release();
    std::jthread other([&] {
      lock.acquire();
      lock.release();
    });
    other.join();
    return lock.acquire(0s);
  }));
  lock.release();
}

TEST(Fork, TheChildOwnsWhatTheForkingThreadOwned) {
  RLock lock;
  lock.acquire();
  lock.acquire();
  EXPECT_TRUE(holds_in_child([&] {
    lock.release();
    lock.release();
    return !lock.locked();
  }));
  lock.release();
  lock.release();
}

TEST(Fork, NobodyWaitsInTheChild) {
  Event event;
  Condition condition;
  Semaphore semaphore(0), ready(0);
  Barrier barrier(2);
  bool over = false;
  std::jthread in_event([&] { event.wait(); });
  std::jthread in_condition([&] {
    const std::scoped_lock held(condition);
    ready.release();
    condition.wait_for([&] { return over; });
  });
  std::jthread in_semaphore([&] { semaphore.acquire(); });
  std::jthread in_barrier([&] { barrier.wait(); });
  ready.acquire();
  while (barrier.n_waiting() == 0) std::this_thread::yield();
  {
    const std::scoped_lock held(condition);
    EXPECT_TRUE(holds_in_child([&] {
      event.set();
      condition.notify_all();
      if (condition.wait(1ms)) return false;
      semaphore.release();
      if (!semaphore.acquire(false)) return false;  // nobody else took it
      barrier.reset();
      std::jthread other([&] { barrier.wait(); });
      barrier.wait();
      return event.is_set();
    }));
    over = true;
    condition.notify_all();
  }
  event.set();
  semaphore.release();
  barrier.wait();
}

// Forks while others are in the middle of their calls.
TEST(Fork, TheChildIsNotCaughtInTheParentsCalls) {
  Lock lock;
  Event event;
  std::atomic<bool> over{false};
  std::latch running(4);  // AddressSanitizer does not survive a fork while threads begin
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      running.arrive_and_wait();
      while (!over) {
        if (lock.acquire(1us)) lock.release();
        event.wait(1us);
        event.set();
        event.clear();
      }
    });
  }
  running.arrive_and_wait();
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(holds_in_child([] {
      Lock own;
      Event set;
      std::jthread other([&] {
        own.acquire();
        own.release();
        set.set();
      });
      set.wait();
      return own.acquire(1s);
    }));
  }
  over = true;
}

}  // namespace
}  // namespace plait::threading
