// SPDX-License-Identifier: Apache-2.0
#include "conformance/executor_suite.hpp"
#include "plait/futures/thread_pool_executor.hpp"

namespace plait::futures {
namespace {

struct Threads {
  static std::unique_ptr<Executor> make(int max_workers) { return std::make_unique<ThreadPoolExecutor>(max_workers); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Threads, ExecutorSuite, testing::Types<Threads>);

}  // namespace
}  // namespace plait::futures
