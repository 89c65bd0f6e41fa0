// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plait/errors.hpp"

namespace plait::multiprocessing {
namespace {

class StartMethods : public testing::Test {
 protected:
  void SetUp() override { set_start_method({.force = true}, std::nullopt); }
  void TearDown() override { set_start_method({.force = true}, std::nullopt); }
};

TEST_F(StartMethods, DefaultIsTheFirstOfAll) {
  EXPECT_THAT(get_all_start_methods(), testing::ElementsAre("forkserver", "spawn", "fork"));
  EXPECT_EQ(get_start_method(), "forkserver");
}

TEST_F(StartMethods, AskingFixesTheDefault) {
  EXPECT_EQ(get_start_method({.allow_none = true}), std::nullopt);
  EXPECT_EQ(get_start_method(), "forkserver");
  EXPECT_EQ(get_start_method({.allow_none = true}), "forkserver");
  EXPECT_THROW(set_start_method("spawn"), RuntimeError);
}

TEST_F(StartMethods, SettingTwiceThrowsUnlessForced) {
  set_start_method("spawn");
  EXPECT_THROW(set_start_method("fork"), RuntimeError);
  EXPECT_EQ(get_start_method(), "spawn");
  set_start_method({.force = true}, "fork");
  EXPECT_EQ(get_start_method(), "fork");
}

TEST_F(StartMethods, UnknownIsAValueErrorAndChangesNothing) {
  set_start_method("spawn");
  EXPECT_THROW(set_start_method({.force = true}, "teleport"), ValueError);
  EXPECT_THROW(static_cast<void>(get_context("")), ValueError);
  EXPECT_EQ(get_start_method(), "spawn");
}

TEST_F(StartMethods, ContextsOfSeveralMethodsLiveSideBySide) {
  const Context spawn = get_context("spawn"), fork = get_context("fork");
  EXPECT_EQ(spawn.get_start_method(), "spawn");
  EXPECT_EQ(fork.get_start_method(), "fork");
  EXPECT_NE(spawn, fork);
  EXPECT_EQ(get_start_method({.allow_none = true}), std::nullopt);
}

TEST_F(StartMethods, ContextWithoutAMethodIsTheProcesss) {
  set_start_method("fork");
  EXPECT_EQ(get_context(), get_context("fork"));
  EXPECT_EQ(Context().get_start_method(), "fork");
}

}  // namespace
}  // namespace plait::multiprocessing
