// SPDX-License-Identifier: Apache-2.0
// The host's waits, signals and children are its own.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_helper.hpp"

namespace plait::process {
namespace {

void end_with(std::uint64_t code) { _exit(static_cast<int>(code)); }

class HostsWorld : public EveryMethod {
 protected:
  static bool invisible() { return GetParam() != StartMethod::fork; }
};
PLAIT_FOR_EVERY_METHOD(HostsWorld);

TEST_P(HostsWorld, LoopOnWaitDoesNotStealExitStatuses) {
  std::atomic<bool> stop{false};
  std::atomic<int> seen{0};
  std::thread loop([&] {
    while (!stop) {
      if (::waitpid(-1, nullptr, WNOHANG) > 0) ++seen;
    }
  });
  for (std::uint64_t code = 10; code < 20; ++code) {
    const ExitStatus status = start_child(GetParam(), end_with, code).end->wait();
    EXPECT_TRUE(status.known || !invisible());
    EXPECT_EQ(status.code, status.known ? static_cast<int>(code) : 0);
  }
  stop = true;
  loop.join();
  EXPECT_TRUE(seen == 0 || !invisible());
}

TEST_P(HostsWorld, IgnoredSigchldHidesNoEnd) {
  const auto before = signal(SIGCHLD, SIG_IGN);
  const ExitStatus status = start_child(GetParam(), end_with, 33).end->wait();
  signal(SIGCHLD, before);
  EXPECT_TRUE(status.known || !invisible());
  EXPECT_EQ(status.code, status.known ? 33 : 0);
}

std::atomic<int> signals_seen{0};

TEST_P(HostsWorld, NoSigchldFromInvisibleChildren) {
  signals_seen = 0;
  const auto before = signal(SIGCHLD, [](int) { ++signals_seen; });
  start_child(GetParam(), end_with, 3).end->wait();
  signal(SIGCHLD, before);
  EXPECT_TRUE(signals_seen == 0 || !invisible());
}

TEST_P(HostsWorld, SignalMaskIsAsItWas) {
  sigset_t blocked, after;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  start_child(GetParam(), end_with, 3).end->wait();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int number = 1; number < NSIG; ++number) EXPECT_EQ(sigismember(&after, number) == 1, number == SIGUSR2);
  sigemptyset(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

TEST_P(HostsWorld, ItsOwnChildrenAreLeftToIt) {
  const pid_t own = ::fork();
  if (own == 0) _exit(21);
  start_child(GetParam(), end_with, 3).end->wait();
  int status = -1;
  EXPECT_EQ(waitpid(own, &status, 0), own);
  EXPECT_EQ(WEXITSTATUS(status), 21);
}

void pause_for_ever(std::uint64_t) {
  for (;;) pause();
}

TEST_P(HostsWorld, ChildrenDoNotHearTheTerminalsInterrupt) {
  const Started started = start_child(GetParam(), pause_for_ever);
  started.child->signal(SIGINT);
  EXPECT_EQ(started.child->status(), std::nullopt);
  started.child->signal(SIGKILL);
  EXPECT_EQ(started.end->wait().signal, SIGKILL);
}

}  // namespace
}  // namespace plait::process
