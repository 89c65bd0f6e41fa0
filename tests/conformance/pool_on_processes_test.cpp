// SPDX-License-Identifier: Apache-2.0
#include "conformance/pool_suite.hpp"

namespace plait::multiprocessing {
namespace {

struct Forkserver {
  using Pool = multiprocessing::Pool;
  static PoolOptions options() { return {.context = get_context("forkserver")}; }
};
struct Spawn {
  using Pool = multiprocessing::Pool;
  static PoolOptions options() { return {.context = get_context("spawn")}; }
};
struct Fork {
  using Pool = multiprocessing::Pool;
  static PoolOptions options() { return {.context = get_context("fork")}; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Forkserver, PoolSuite, testing::Types<Forkserver>);
INSTANTIATE_TYPED_TEST_SUITE_P(Spawn, PoolSuite, testing::Types<Spawn>);
INSTANTIATE_TYPED_TEST_SUITE_P(Fork, PoolSuite, testing::Types<Fork>);

}  // namespace
}  // namespace plait::multiprocessing
