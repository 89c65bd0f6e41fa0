// SPDX-License-Identifier: Apache-2.0
#include "conformance/barrier_suite.hpp"
#include "conformance/condition_suite.hpp"
#include "conformance/event_suite.hpp"
#include "conformance/lock_suite.hpp"
#include "conformance/process_workers.hpp"
#include "conformance/semaphore_suite.hpp"

namespace plait::threading {
namespace {

using tests::ProcessWorkers;

struct LockKind {
  using Workers = ProcessWorkers;
  using Lock = multiprocessing::Lock;
  using NotHeld = ValueError;
};
struct RLockKind {
  using Workers = ProcessWorkers;
  using Lock = multiprocessing::RLock;
  using NotHeld = AssertionError;
};

using BothKinds = testing::Types<LockKind, RLockKind>;
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, LockSuite, BothKinds);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, PlainLockSuite, LockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, RLockSuite, RLockKind);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, EventSuite, ProcessWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, SemaphoreSuite, ProcessWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, ConditionSuite, ProcessWorkers);
INSTANTIATE_TYPED_TEST_SUITE_P(OfProcesses, BarrierSuite, ProcessWorkers);

}  // namespace
}  // namespace plait::threading
