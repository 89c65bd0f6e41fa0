// SPDX-License-Identifier: Apache-2.0
// Runs with PLAIT_DEADLOCK=1.
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <string>
#include <utility>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"
#include "plait/threading/lock.hpp"

namespace plait::queue {
namespace {

// Before the first lock is used, which is when it is read.
[[maybe_unused]] const bool watching = ::setenv("PLAIT_DEADLOCK", "1", 1) == 0;

// Acquires a lock in the move into the queue, as it should not.
struct Locking {
  explicit Locking(threading::Lock& its_lock) : lock(&its_lock) {}
  Locking(Locking&& other) : lock(other.lock) {  // NOLINT(performance-noexcept-move-constructor)
    if (std::exchange(other.lock, nullptr) == nullptr) return;
    const std::scoped_lock held(*std::exchange(lock, nullptr));
  }
  Locking& operator=(Locking&&) = delete;
  ~Locking() = default;

  threading::Lock* lock;
};

template <class Q>
class QueueDeadlock : public testing::Test {
 protected:
  threading::Lock lock_;  // which every put acquires, while it holds the put lock
  Q queue_;
};
using Queues = testing::Types<Queue<Locking>, LifoQueue<Locking>>;
TYPED_TEST_SUITE(QueueDeadlock, Queues);

TYPED_TEST(QueueDeadlock, IsThrownAndTheQueueGoesOn) {
  testing::internal::CaptureStderr();
  this->lock_.acquire();
  tests::Beside putter([&] {
    this->queue_.emplace(this->lock_);
    return true;
  });
  putter.await_sleep();  // with the put lock
  EXPECT_THROW(static_cast<void>(this->queue_.try_get()), threading::DeadlockError);
  EXPECT_THROW(this->queue_.emplace(this->lock_), threading::DeadlockError);
  EXPECT_THROW(this->queue_.shutdown(), threading::DeadlockError);
  EXPECT_THROW(this->queue_.join(), threading::DeadlockError);
  this->lock_.release();
  EXPECT_TRUE(putter.result());
  EXPECT_TRUE(this->queue_.try_get().has_value());
  EXPECT_TRUE(this->queue_.empty());
  testing::internal::GetCapturedStderr();
}

TYPED_TEST(QueueDeadlock, OfOneThatWaitsForAnItemKeepsNoOtherFromIt) {
  testing::internal::CaptureStderr();
  std::stop_source stop;
  std::binary_semaphore holds{0};
  tests::Beside getter([&] {
    const std::scoped_lock held(this->lock_);
    holds.release();
    EXPECT_THROW(this->queue_.get({.timeout = stop.get_token()}), threading::DeadlockError);
    return true;
  });
  holds.acquire();
  getter.await_sleep();
  tests::Beside other([&] {
    static_cast<void>(this->queue_.get());
    return true;
  });
  other.await_sleep();
  tests::Beside putter([&] {
    this->queue_.emplace(this->lock_);
    return true;
  });
  putter.await_sleep();  // with the put lock
  stop.request_stop();
  EXPECT_TRUE(getter.result());
  EXPECT_TRUE(putter.result());
  EXPECT_TRUE(other.result());
  testing::internal::GetCapturedStderr();
}

TEST(Queue, OrdinaryUseIsNoDeadlock) {
  testing::internal::CaptureStderr();
  Queue<std::string> queue(3);
  SimpleQueue<std::string> results;
  tests::Beside worker([&] {
    for (auto item : queue) {
      results.put(item);
      queue.task_done();
    }
    return true;
  });
  for (int i = 0; i < 1'000; ++i) queue.put("an item");
  queue.join();
  queue.set_maxsize(1);
  queue.shutdown(true);
  EXPECT_TRUE(worker.result());
  EXPECT_EQ(results.qsize(), 1'000U);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace plait::queue
