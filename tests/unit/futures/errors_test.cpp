// SPDX-License-Identifier: Apache-2.0
#include "plait/errors.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <type_traits>

namespace plait {
namespace {

TEST(Errors, HaveOneRoot) {
  EXPECT_TRUE((std::is_base_of_v<std::runtime_error, Error>));
  EXPECT_TRUE((std::is_base_of_v<Error, TimeoutError>));
  EXPECT_TRUE((std::is_base_of_v<RuntimeError, BrokenExecutor>));
  EXPECT_TRUE((std::is_base_of_v<BrokenExecutor, futures::BrokenThreadPool>));
  EXPECT_TRUE((std::is_base_of_v<futures::BrokenProcessPool, futures::WorkerDied>));
  EXPECT_TRUE((std::is_same_v<futures::CancelledError, CancelledError>));
}

TEST(RemoteError, SaysTypeAndMessage) {
  const RemoteError error("app::Oops", "no luck", "#0 f\n#1 main\n");
  EXPECT_STREQ(error.what(), "app::Oops: no luck");
  EXPECT_EQ(error.type_name(), "app::Oops");
  EXPECT_EQ(error.message(), "no luck");
  EXPECT_EQ(error.traceback(), "#0 f\n#1 main\n");
}

TEST(WorkerDied, NamesPidSignalAndTask) {
  const futures::WorkerDied error({.pid = 42, .signal = SIGKILL}, "is_prime (task 17)");
  EXPECT_STREQ(error.what(), "worker process 42 was killed by signal 9 (SIGKILL) while it ran is_prime (task 17)");
  EXPECT_EQ(error.pid(), 42);
  EXPECT_EQ(error.signal(), SIGKILL);
  EXPECT_TRUE(error.known());
  EXPECT_EQ(error.task(), "is_prime (task 17)");
}

TEST(WorkerDied, NamesExitCodeZeroToo) {
  EXPECT_STREQ(futures::WorkerDied({.pid = 42}, "f").what(), "worker process 42 exited with code 0 while it ran f");
}

TEST(WorkerDied, SaysWhenTheCauseIsUnknown) {
  const futures::WorkerDied error({.pid = 42, .known = false}, "f");
  EXPECT_STREQ(error.what(), "worker process 42 ended, its exit status is not known while it ran f");
  EXPECT_FALSE(error.known());
}

}  // namespace
}  // namespace plait
