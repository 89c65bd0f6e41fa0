// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "pool/worker_block.hpp"

namespace plait::pool {
namespace {

TEST(SpinSeats, NoMoreWorkersThanSeats) {
  SpinSeats seats(2);
  EXPECT_TRUE(seats.take(11));
  EXPECT_TRUE(seats.take(12));
  EXPECT_FALSE(seats.take(13));
}

TEST(SpinSeats, ASeatThatWasLeftIsTakenAgain) {
  SpinSeats seats(1);
  ASSERT_TRUE(seats.take(11));
  seats.leave(11);
  EXPECT_TRUE(seats.take(12));
}

TEST(SpinSeats, LeavingFreesOnlyTheSeatOfThatWorker) {
  SpinSeats seats(1);
  ASSERT_TRUE(seats.take(11));
  seats.leave(12);
  EXPECT_FALSE(seats.take(12));
}

TEST(SpinSeats, WithoutSeatsNobodySpins) {
  SpinSeats seats(0);
  EXPECT_FALSE(seats.take(11));
}

TEST(SpinSeats, MoreProcessorsThanSeatsAreBounded) {
  SpinSeats seats(1'000);
  for (std::uint32_t worker = 1; worker <= SpinSeats::max_seats; ++worker) EXPECT_TRUE(seats.take(worker));
  EXPECT_FALSE(seats.take(999));
}

}  // namespace
}  // namespace plait::pool
