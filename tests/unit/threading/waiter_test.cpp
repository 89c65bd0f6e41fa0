// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/waiter.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "plait/until.hpp"

namespace plait::detail {
namespace {

using namespace std::chrono_literals;

TEST(Until, IsNeverOnlyWithoutDeadlineAndToken) {
  EXPECT_TRUE(Until().is_never());
  EXPECT_TRUE(Until(std::stop_token()).is_never()) << "no stop can be requested";
  EXPECT_TRUE(Until(Deadline::never()).is_never());
  std::stop_source source;
  EXPECT_FALSE(Until(source.get_token()).is_never());
  EXPECT_FALSE(Until(1h).is_never());
}

TEST(Until, IsOverWithTheTimeOrTheStop) {
  std::stop_source source;
  const Until both(1h, source.get_token());
  EXPECT_FALSE(both.is_over());
  source.request_stop();
  EXPECT_TRUE(both.is_over());
  EXPECT_TRUE(Until(0s).is_over());
  EXPECT_TRUE(Until(Deadline::Clock::now() - 1s).is_over());
  EXPECT_TRUE(Until(std::chrono::system_clock::now() - 1s).is_over());
  EXPECT_FALSE(Until().is_over());
}

TEST(Waiter, WokenBeforeItWaits) {
  Waiter waiter;
  waiter.wake();
  EXPECT_TRUE(waiter.wait({}));
  waiter.await_wake();
}

TEST(Waiter, WokenBeatsATimeoutThatHasPassed) {
  Waiter waiter;
  waiter.wake();
  EXPECT_TRUE(waiter.wait(0s));
}

TEST(Waiter, TimesOut) {
  Waiter waiter;
  EXPECT_FALSE(waiter.wait(0s));
  Waiter other;
  EXPECT_FALSE(other.wait(5ms));
  other.wake();
  other.await_wake();
}

TEST(Waiter, StopRequestedBeforeItWaits) {
  std::stop_source source;
  source.request_stop();
  Waiter waiter;
  EXPECT_FALSE(waiter.wait(source.get_token()));
  std::jthread waker([&waiter] { waiter.wake(); });
  waiter.await_wake();
}

TEST(WaiterList, IsFifo) {
  WaiterList list;
  Waiter a, b, c;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.pop_front(), nullptr);
  for (Waiter* waiter : {&a, &b, &c}) list.push_back(*waiter);
  list.remove(b);
  EXPECT_FALSE(b.is_linked());
  list.push_back(b);
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_EQ(list.pop_front(), &c);
  EXPECT_EQ(list.pop_front(), &b);
  EXPECT_TRUE(list.empty());
}

// Every way that a wait can end, at random moments: who is taken from the list is woken, who gives up is not in it.
TEST(Waiter, WakesTimeoutsAndStopsRace) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mutex mutex;
  WaiterList list;  // guarded by mutex
  long taken = 0;   // guarded by mutex
  std::atomic<long> woken{0}, gave_up{0};
  std::atomic<int> running{3};
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        std::minstd_rand random(seed + i);
        for (int round = 0; round < 4000; ++round) {
          std::stop_source source;
          std::jthread stopper;
          if (round % 32 == 0) stopper = std::jthread([&source] { source.request_stop(); });
          Waiter self;
          {
            const std::scoped_lock held(mutex);
            list.push_back(self);
          }
          bool notified = self.wait({std::chrono::nanoseconds(random() % 100'000), source.get_token()});
          if (!notified) {
            const std::scoped_lock held(mutex);
            if (self.is_linked()) {
              list.remove(self);
            } else {
              notified = true;
            }
          }
          if (notified) self.await_wake();
          ++(notified ? woken : gave_up);
        }
        --running;
      });
    }
    while (running > 0) {
      WakeChain chain;
      const std::scoped_lock held(mutex);
      if (Waiter* const first = list.pop_front()) {
        ++taken;
        chain.add(first);
      }
    }
  }
  EXPECT_EQ(woken, taken);
  EXPECT_EQ(woken + gave_up, 3 * 4000);
}

}  // namespace
}  // namespace plait::detail
