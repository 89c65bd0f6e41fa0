// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What every kind of Event must do (Python's lock_tests: EventTests), over a back end as in thread_workers.hpp.

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <stop_token>
#include <thread>

#include "plait/until.hpp"

namespace plait::threading {

using namespace std::chrono_literals;

template <class Workers>
class EventSuite : public testing::Test {
 protected:
  typename Workers::Event event_;
};

TYPED_TEST_SUITE_P(EventSuite);

TYPED_TEST_P(EventSuite, SetAndClear) {
  EXPECT_FALSE(this->event_.is_set());
  this->event_.set();
  EXPECT_TRUE(this->event_.is_set());
  this->event_.set();
  EXPECT_TRUE(this->event_.is_set());
  this->event_.clear();
  EXPECT_FALSE(this->event_.is_set());
  this->event_.clear();
  EXPECT_FALSE(this->event_.is_set());
}

TYPED_TEST_P(EventSuite, WaitReturnsAtOnceWhenSet) {
  this->event_.set();
  EXPECT_TRUE(this->event_.wait());
  EXPECT_TRUE(this->event_.wait(0s));
  EXPECT_TRUE(this->event_.wait(-1s));
}

TYPED_TEST_P(EventSuite, TimeoutReturnsFalse) {
  const auto begin = Deadline::Clock::now();
  EXPECT_FALSE(this->event_.wait(0s));
  EXPECT_FALSE(this->event_.wait(-1s));
  EXPECT_FALSE(this->event_.wait(20ms));
  EXPECT_GE(Deadline::Clock::now() - begin, 20ms);
  this->event_.set();
  EXPECT_TRUE(this->event_.wait(1h)) << "giving up left no trace";
}

TYPED_TEST_P(EventSuite, SetWakesAllWhoWait) {
  typename TypeParam::Semaphore about_to_wait(0);
  const auto wait = [](auto& event, auto& waits) {
    waits.release();
    return event.wait();
  };
  using Task = decltype(TypeParam::start(wait, this->event_, about_to_wait));
  std::list<Task> waiters;
  for (int i = 0; i < 4; ++i) waiters.push_back(TypeParam::start(wait, this->event_, about_to_wait));
  for (int i = 0; i < 4; ++i) about_to_wait.acquire();
  this->event_.set();
  for (auto& waiter : waiters) EXPECT_TRUE(waiter.get());
}

TYPED_TEST_P(EventSuite, AWaiterReturnsTrueThoughItIsClearedAtOnce) {
  typename TypeParam::Event ready;
  for (int round = 0; round < 200; ++round) {
    auto waiter = TypeParam::start(
        [](auto& event, auto& about_to_wait) {
          about_to_wait.set();
          // Came after the flag was cleared again: tries once more, as there is another set() to come.
          return event.wait(1h);
        },
        this->event_, ready);
    ready.wait();
    ready.clear();
    std::atomic<bool> done{false};
    std::jthread setter([&] {
      while (!done) {
        this->event_.set();
        this->event_.clear();
      }
    });
    EXPECT_TRUE(waiter.get());
    done = true;
  }
}

TYPED_TEST_P(EventSuite, StopRequestEndsTheWait) {
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  EXPECT_FALSE(this->event_.wait(source.get_token()));
  EXPECT_FALSE(this->event_.wait({1h, source.get_token()})) << "requested before";
  this->event_.set();
  EXPECT_TRUE(this->event_.wait(source.get_token())) << "set counts, too";
}

REGISTER_TYPED_TEST_SUITE_P(EventSuite, SetAndClear, WaitReturnsAtOnceWhenSet, TimeoutReturnsFalse, SetWakesAllWhoWait,
                            AWaiterReturnsTrueThoughItIsClearedAtOnce, StopRequestEndsTheWait);

}  // namespace plait::threading
