// SPDX-License-Identifier: Apache-2.0
#include "os/pidfd.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>
#include <system_error>

#include "os/epoll.hpp"

namespace plait::os {
namespace {

constexpr int long_enough = 10'000;  // milliseconds

// A child that waits for its end.
pid_t make_sleeper() {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  for (;;) pause();
}

TEST(Pidfd, IsReadableOnceTheProcessHasDied) {
  const FileDescriptor fd = open_pidfd(make_sleeper());
  EXPECT_FALSE(wait_readable(fd.get(), 0));
  EXPECT_EQ(reap(fd.get()).state, Reaped::running);
  EXPECT_TRUE(send_signal(fd.get(), SIGKILL));
  EXPECT_TRUE(wait_readable(fd.get(), long_enough));
  const ReapResult result = reap(fd.get());
  EXPECT_EQ(result.state, Reaped::ended);
  EXPECT_EQ(result.ending.signal, SIGKILL);
  EXPECT_FALSE(send_signal(fd.get(), SIGKILL));
}

TEST(Pidfd, TellsTheExitCode) {
  const pid_t pid = ::fork();
  if (pid == 0) _exit(99);
  const FileDescriptor fd = open_pidfd(pid);
  EXPECT_TRUE(wait_readable(fd.get(), long_enough));
  const ReapResult result = reap(fd.get());
  EXPECT_EQ(result.ending.signal, 0);
  EXPECT_EQ(result.ending.code, 99);
}

TEST(Pidfd, StolenStatusIsNotOursAndMayBeKnownToTheKernel) {
  const pid_t pid = make_sleeper();
  const FileDescriptor fd = open_pidfd(pid);
  EXPECT_FALSE(ending_of_reaped(fd.get()).has_value());
  send_signal(fd.get(), SIGTERM);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(reap(fd.get()).state, Reaped::not_ours);
  const auto ending = ending_of_reaped(fd.get());
  EXPECT_EQ(ending.value_or(Ending{SIGTERM, 0}).signal, SIGTERM);
}

TEST(Pidfd, OfNobodyThrows) {
  try {
    open_pidfd(std::numeric_limits<pid_t>::max());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_process);
    EXPECT_NE(std::string(error.what()).find("pidfd_open"), std::string::npos);
  }
}

}  // namespace

TEST(Pidfd, OfWhoHadThePidAtATime) {
  EXPECT_TRUE(open_pidfd(::getpid(), since_boot()));
  EXPECT_FALSE(open_pidfd(::getpid(), SinceBoot::zero())) << "whoever had the pid then is gone";
  EXPECT_FALSE(open_pidfd(1 << 30, since_boot()));
  EXPECT_FALSE(is_gone(::getpid()));
  EXPECT_TRUE(is_gone(1 << 30));
}

}  // namespace plait::os
