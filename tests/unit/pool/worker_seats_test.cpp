// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <set>

#include "pool/worker_block.hpp"

namespace plait::pool {
namespace {

TEST(WorkerSeats, EachWorkerGetsASeatOfItsOwnWhileThereAreAny) {
  WorkerSeats seats(2);
  const auto first = seats.take(11);
  const auto second = seats.take(12);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_TRUE(seats.holds(*first, 11));
  EXPECT_TRUE(seats.holds(*second, 12));
}

TEST(WorkerSeats, WhoComesLaterTakesTheSeatOfAnother) {
  WorkerSeats seats(1);
  const auto seat = seats.take(11);
  ASSERT_TRUE(seat);
  ASSERT_EQ(seats.take(12), seat);
  EXPECT_FALSE(seats.holds(*seat, 11));
  EXPECT_TRUE(seats.holds(*seat, 12));
}

TEST(WorkerSeats, WhoHasLostItsSeatLeavesThatOfAnotherAlone) {
  WorkerSeats seats(1);
  ASSERT_TRUE(seats.take(11));
  const auto seat = seats.take(12);
  ASSERT_TRUE(seat);
  seats.leave(11);
  EXPECT_TRUE(seats.holds(*seat, 12));
}

TEST(WorkerSeats, ASeatThatWasLeftIsHeldByNobody) {
  WorkerSeats seats(1);
  const auto seat = seats.take(11);
  ASSERT_TRUE(seat);
  seats.leave(11);
  EXPECT_TRUE(seats.holds(*seat, 0));
}

TEST(WorkerSeats, WithoutSeatsNobodySpins) {
  WorkerSeats seats(0);
  EXPECT_FALSE(seats.take(11));
}

TEST(WorkerSeats, MoreProcessorsThanSeatsAreBounded) {
  WorkerSeats seats(1'000);
  std::set<std::uint32_t> taken;
  for (std::uint32_t worker = 1; worker <= 10 * WorkerSeats::max_seats; ++worker) {
    const auto seat = seats.take(worker);
    ASSERT_TRUE(seat);
    EXPECT_TRUE(seats.holds(*seat, worker));
    taken.insert(*seat);
  }
  EXPECT_EQ(taken.size(), WorkerSeats::max_seats);
}

}  // namespace
}  // namespace plait::pool
