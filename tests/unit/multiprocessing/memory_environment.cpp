// SPDX-License-Identifier: Apache-2.0
// The tracker stays from the first segment to the end of the program; so it is not what one of the tests leaves behind.
#include <gtest/gtest.h>

#include "plait/multiprocessing/shared_memory.hpp"

namespace {

class TrackerIsThere : public testing::Environment {
  void SetUp() override { plait::multiprocessing::shared_memory::SharedMemory({.create = true, .size = 1}).unlink(); }
};

const testing::Environment* const environment = testing::AddGlobalTestEnvironment(new TrackerIsThere);

}  // namespace
