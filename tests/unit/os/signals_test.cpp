// SPDX-License-Identifier: Apache-2.0
#include "os/signals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace plait::os {
namespace {

bool is_blocked(int number) {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return sigismember(&now, number) == 1;
}

TEST(Signals, BlockedWhileTheGuardLivesAndInThreadsMadeMeanwhile) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  {
    const BlockAllSignals blocked;
    EXPECT_TRUE(is_blocked(SIGTERM));
    std::thread([] { EXPECT_TRUE(is_blocked(SIGINT)); }).join();
  }
  EXPECT_FALSE(is_blocked(SIGTERM));
  EXPECT_TRUE(is_blocked(SIGUSR1));
  pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
}

TEST(Signals, ResetMakesEveryDispositionTheDefault) {
  const pid_t child = ::fork();
  if (child == 0) {
    signal(SIGUSR1, [](int) {});
    signal(SIGCHLD, SIG_IGN);
    signal(SIGRTMIN + 3, SIG_IGN);
    block_all_signals();
    reset_signal_dispositions();
    unblock_all_signals();
    bool all_default = true;
    for (const int number : {SIGUSR1, SIGCHLD, SIGRTMIN + 3}) {
      struct sigaction action {};
      sigaction(number, nullptr, &action);
      all_default = all_default && action.sa_handler == SIG_DFL && !is_blocked(number);
    }
    _exit(all_default ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace plait::os
