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
};
struct RLockKind {
  using Workers = ThreadWorkers;
  using Lock = threading::RLock;
};

using BothKinds = testing::Types<LockKind, RLockKind>;
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, LockSuite, BothKinds);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, PlainLockSuite, LockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, RLockSuite, RLockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, EventSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, SemaphoreSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, ConditionSuite, ThreadWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfThreads, BarrierSuite, ThreadWorkers);

}  // namespace
}  // namespace plait::threading
