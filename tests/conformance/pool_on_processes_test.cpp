// SPDX-License-Identifier: Apache-2.0
#include "conformance/pool_suite.hpp"
#include "conformance/start_method.hpp"

namespace plait::multiprocessing {
namespace {

struct Processes {
  using Pool = multiprocessing::Pool;
  static PoolOptions options() { return {.context = get_context(tests::start_method())}; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolSuite, testing::Types<Processes>);

}  // namespace
}  // namespace plait::multiprocessing
