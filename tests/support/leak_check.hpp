// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Fails a test that leaves something behind: processes, threads, descriptors, names in /dev/shm or /tmp. Each test is
// compared with the moment before it; what ends asynchronously has two seconds to go.

#include <gtest/gtest.h>

#include <memory>

namespace plait::tests {

// To be appended to the listeners of the unit test.
std::unique_ptr<testing::TestEventListener> make_leak_check();

// For the one test that legitimately leaves something (a fork server started in mid-test, a thread that cannot be
// ended): switches the check off until the end of the test.
void allow_leaks_in_this_test() noexcept;

}  // namespace plait::tests
