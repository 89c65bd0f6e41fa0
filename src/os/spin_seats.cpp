// SPDX-License-Identifier: Apache-2.0
#include "os/spin_seats.hpp"

#include <pthread.h>

#include <new>

namespace plait::os {
namespace {

constinit SpinSeats seats_of_waiters;

// Seats that other threads held at the fork would never come free.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { new (&seats_of_waiters) SpinSeats; });

}  // namespace

SpinSeats& SpinSeats::of_waiters() noexcept { return seats_of_waiters; }

}  // namespace plait::os
