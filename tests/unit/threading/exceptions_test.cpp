// SPDX-License-Identifier: Apache-2.0
// The exceptions of threading and queue keep their type on the way from one process to another.
#include <gtest/gtest.h>

#include <exception>
#include <string>

#include "plait/errors.hpp"
#include "plait/wire.hpp"

namespace plait {
namespace {

template <class E>
class CrossingException : public testing::Test {};

using Exceptions =
    testing::Types<threading::BrokenBarrierError, threading::DeadlockError, queue::Empty, queue::Full, queue::ShutDown>;
TYPED_TEST_SUITE(CrossingException, Exceptions);

TYPED_TEST(CrossingException, KeepsTypeAndMessage) {
  const auto bytes = wire::encode_exception(std::make_exception_ptr(TypeParam("what happened")));
  try {
    std::rethrow_exception(wire::decode_exception(bytes));
  } catch (const TypeParam& error) {
    EXPECT_STREQ(error.what(), "what happened");
  } catch (const std::exception& error) {
    ADD_FAILURE() << "came back as " << typeid(error).name();
  }
}

}  // namespace
}  // namespace plait
