// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "os/fork_generation.hpp"
#include "os/process.hpp"
#include "plait/os.hpp"

namespace plait::os {
namespace {

int exit_code_of(pid_t pid) {
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Fork, TellsWhoIsWho) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) _exit(getpid() != parent && getppid() == parent ? 0 : 1);
  EXPECT_EQ(exit_code_of(child), 0);
}

TEST(Fork, ChildIsAnotherGeneration) {
  const std::uint64_t generation = fork_generation();
  const pid_t child = ::fork();
  if (child == 0) _exit(fork_generation() == generation + 1 ? 0 : 1);
  EXPECT_EQ(exit_code_of(child), 0);
  EXPECT_EQ(fork_generation(), generation);
}

TEST(Fork, NothingIsWrittenTwice) {
  const std::string path = testing::TempDir() + "fork_test." + std::to_string(getpid());
  const pid_t writer = ::fork();
  if (writer == 0) {
    if (std::freopen(path.c_str(), "w", stdout) == nullptr) _exit(1);
    std::fputs("once", stdout);
    if (fork() == 0) {
      std::fflush(stdout);
      _exit(0);
    }
    while (::wait(nullptr) > 0) {
    }
    std::fflush(stdout);
    _exit(0);
  }
  EXPECT_EQ(exit_code_of(writer), 0);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "once");
  std::remove(path.c_str());
}

TEST(Process, RunUnnoticedReturnsWhatTheStepReturned) {
  EXPECT_EQ(run_unnoticed([](void* code) { return *static_cast<int*>(code); }, &*std::make_unique<int>(42)), 42);
}

TEST(Process, RunUnnoticedLeavesNoChildToWaitFor) {
  run_unnoticed([](void*) { return 0; }, nullptr);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

}  // namespace
}  // namespace plait::os
