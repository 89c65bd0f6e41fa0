// SPDX-License-Identifier: Apache-2.0
// The host forks: its children have nothing of ours, and can make their own.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "child_helper.hpp"
#include "plait/os.hpp"

namespace plait::process {
namespace {

void end_with(std::uint64_t code) { _exit(static_cast<int>(code)); }

void run_for_ever(std::uint64_t) {
  for (;;) pause();
}

int exit_code_of(pid_t pid) {
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class HostFork : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(HostFork);

TEST_P(HostFork, ForkedChildCanStartChildren) {
  start_child(GetParam(), end_with, 1).end->wait();
  for (const auto forks : {+[] { return ::fork(); }, +[] { return os::fork(); }}) {
    const pid_t child = forks();
    if (child == 0) _exit(start_child(GetParam(), end_with, 44).end->wait().code);
    EXPECT_EQ(exit_code_of(child), 44);
  }
}

TEST_P(HostFork, ForkedChildCannotHarmWhatItInherited) {
  const Started started = start_child(GetParam(), run_for_ever);
  const pid_t child = ::fork();
  if (child == 0) _exit(started.child->signal(SIGKILL) ? 1 : 0);
  EXPECT_EQ(exit_code_of(child), 0);
  EXPECT_EQ(started.child->status(), std::nullopt);
  EXPECT_TRUE(started.child->signal(SIGKILL));
  EXPECT_EQ(started.end->wait().signal, SIGKILL);
}

TEST_P(HostFork, ForkedChildHoldsNoneOfOurDescriptors) {
  const Started started = start_child(GetParam(), run_for_ever);
  const pid_t child = ::fork();
  if (child == 0) {
    int ours = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry.path(), gone);
      // The shared memory is still mapped, and its descriptor is the heap's business.
      if (target.starts_with("socket:") || target.find("eventpoll") != target.npos ||
          target.find("pidfd") != target.npos)
        ++ours;
    }
    _exit(ours);
  }
  EXPECT_EQ(exit_code_of(child), 0);
  started.child->signal(SIGKILL);
  started.end->wait();
}

TEST_P(HostFork, ForkingWhileChildrenAreStartedHangsNobody) {
  std::atomic<bool> stop{false};
  std::thread starter([&] {
    while (!stop) start_child(GetParam(), end_with, 2).end->wait();
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) _exit(i);
    EXPECT_EQ(exit_code_of(child), i);
  }
  stop = true;
  starter.join();
}

}  // namespace
}  // namespace plait::process
