// SPDX-License-Identifier: Apache-2.0
#include "conformance/barrier_suite.hpp"
#include "conformance/condition_suite.hpp"
#include "conformance/event_suite.hpp"
#include "conformance/lock_suite.hpp"
#include "conformance/semaphore_suite.hpp"
#include "conformance/thread_workers.hpp"

namespace plait::threading {
namespace {

using tests::ThreadWorkers;

struct LockKind {
  using Workers = ThreadWorkers;
  using Lock = threading::Lock;
  using NotHeld = RuntimeError;
};
struct RLockKind {
  using Workers = ThreadWorkers;
  using Lock = threading::RLock;
  using NotHeld = RuntimeError;
};

using BothKinds = testing::Types<LockKind, RLockKind>;
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, LockSuite, BothKinds);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, PlainLockSuite, LockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, RLockSuite, RLockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, EventSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, SemaphoreSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, ConditionSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, BarrierSuite, ThreadWorkers);

// ---- what multiprocessing takes, as Python's does

template <class L>
class StrictLock : public testing::Test {};
using StrictLocks = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(StrictLock, StrictLocks);

TYPED_TEST(StrictLock, BadTimeoutsAreRefused) {
  TypeParam lock;
  EXPECT_THROW((void)lock.acquire(-1s), ValueError);
  EXPECT_THROW((void)lock.acquire({.timeout = -1ns}), ValueError);
  EXPECT_THROW((void)lock.acquire({.blocking = false, .timeout = 1s}), ValueError);
  EXPECT_THROW((void)lock.acquire({.blocking = false, .timeout = 0s}), ValueError);
  EXPECT_FALSE(lock.locked());
  lock.acquire();
  EXPECT_THROW((void)lock.acquire(-1s), ValueError) << "also for the owner";
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TEST(StrictCondition, BadTimeoutsAreRefused) {
  Condition condition;
  EXPECT_THROW((void)condition.acquire(-1s), ValueError);
  EXPECT_THROW((void)condition.acquire({.blocking = false, .timeout = 1s}), ValueError);
}

TEST(StrictSemaphore, ATimeoutWithoutBlockingIsRefused) {
  Semaphore semaphore(1);
  EXPECT_THROW((void)semaphore.acquire({.blocking = false, .timeout = 1s}), ValueError);
  EXPECT_TRUE(semaphore.acquire(false));
}

}  // namespace
}  // namespace plait::threading
