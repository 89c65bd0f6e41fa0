// SPDX-License-Identifier: Apache-2.0
#include "conformance/executor_suite.hpp"
#include "plait/futures/process_pool_executor.hpp"
#include "plait/multiprocessing.hpp"

namespace plait::futures {
namespace {

std::unique_ptr<Executor> make_pool(const char* start_method, int max_workers) {
  return std::make_unique<ProcessPoolExecutor>(
      ProcessPoolOptions{.max_workers = max_workers, .mp_context = multiprocessing::get_context(start_method)});
}

struct Forkserver {
  static std::unique_ptr<Executor> make(int max_workers) { return make_pool("forkserver", max_workers); }
};
struct Spawn {
  static std::unique_ptr<Executor> make(int max_workers) { return make_pool("spawn", max_workers); }
};
struct Fork {
  static std::unique_ptr<Executor> make(int max_workers) { return make_pool("fork", max_workers); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Forkserver, ExecutorSuite, testing::Types<Forkserver>);
INSTANTIATE_TYPED_TEST_SUITE_P(Spawn, ExecutorSuite, testing::Types<Spawn>);
INSTANTIATE_TYPED_TEST_SUITE_P(Fork, ExecutorSuite, testing::Types<Fork>);

TEST(ExecutorOnProcesses, RefusesEmptyChunks) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THROW((void)pool.map({.chunksize = 0}, same, std::vector{1}), ValueError);
  EXPECT_THROW((void)pool.map({.chunksize = -1}, same, std::vector{1}), ValueError);
}

}  // namespace
}  // namespace plait::futures
