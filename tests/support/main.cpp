// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plait/init.hpp"
#include "support/family.hpp"
#include "support/leak_check.hpp"
#include "support/watchdog.hpp"

int main(int argc, char** argv) {
  plait::tests::join_family(argv);
  plait::init(argc, argv);
  testing::InitGoogleMock(&argc, argv);
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  if (!testing::GTEST_FLAG(list_tests)) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    listeners.Append(plait::tests::make_watchdog().release());
    listeners.Append(plait::tests::make_leak_check().release());
  }
  return RUN_ALL_TESTS();
}
