// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/family.hpp"
#include "support/leak_check.hpp"
#include "support/watchdog.hpp"

#if __has_include(<plait/init.hpp>)
#include <plait/init.hpp>
#endif

int main(int argc, char** argv) {
  plait::tests::join_family(argv);
#if __has_include(<plait/init.hpp>)
  plait::init(argc, argv);
#endif
  testing::InitGoogleMock(&argc, argv);
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  if (!testing::GTEST_FLAG(list_tests)) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    listeners.Append(plait::tests::make_watchdog().release());
    listeners.Append(plait::tests::make_leak_check().release());
  }
  return RUN_ALL_TESTS();
}
