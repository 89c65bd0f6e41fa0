// SPDX-License-Identifier: Apache-2.0
#include "conformance/executor_suite.hpp"
#include "conformance/start_method.hpp"
#include "plait/futures/process_pool_executor.hpp"
#include "plait/multiprocessing.hpp"

namespace plait::futures {
namespace {

struct Processes {
  static std::unique_ptr<Executor> make(int max_workers) {
    return std::make_unique<ProcessPoolExecutor>(ProcessPoolOptions{
        .max_workers = max_workers, .mp_context = multiprocessing::get_context(tests::start_method())});
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Processes, ExecutorSuite, testing::Types<Processes>);

TEST(ExecutorOnProcesses, RefusesEmptyChunks) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THROW((void)pool.map({.chunksize = 0}, same, std::vector{1}), ValueError);
  EXPECT_THROW((void)pool.map({.chunksize = -1}, same, std::vector{1}), ValueError);
}

}  // namespace
}  // namespace plait::futures
