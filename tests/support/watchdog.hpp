// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Ends a test program whose test does not end: prints what every thread is doing and which processes of the family are
// alive, kills those, and leaves with code 124. The limit is PLAIT_TEST_TIMEOUT seconds, by default 120.

#include <gtest/gtest.h>

#include <memory>

namespace plait::tests {

// To be appended to the listeners of the unit test. Starts a thread: call it after plait::init.
std::unique_ptr<testing::TestEventListener> make_watchdog();

}  // namespace plait::tests
