// SPDX-License-Identifier: Apache-2.0
#include "conformance/process_beside.hpp"
#include "conformance/queue_suite.hpp"
#include "plait/multiprocessing/queue.hpp"

namespace plait::queue {
namespace {

struct FifoProcesses {
  template <class T>
  using Queue = multiprocessing::JoinableQueue<T>;
  using Order = Fifo;

  template <class F, class Q, class... Args>
  static auto beside(F function, const Q& queue, Args... args) {
    return tests::ProcessBeside<std::invoke_result_t<F, const Q&, Args...>>(function, queue, args...);
  }
};

using All = testing::Types<FifoProcesses>;
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, QueueSuite, All);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ThreadQueueSuite);  // what only queues of threads have

}  // namespace
}  // namespace plait::queue
