// SPDX-License-Identifier: Apache-2.0
// The fork server's own life: who can harm it, and what then.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <latch>
#include <sstream>
#include <string>
#include <vector>

#include "child_helper.hpp"
#include "os/thread.hpp"
#include "plait/os.hpp"
#include "support/family.hpp"
#include "support/leak_check.hpp"

namespace plait::process {
namespace {

void end_with(std::uint64_t code) { _exit(static_cast<int>(code)); }

void run_for_ever(std::uint64_t) {
  for (;;) pause();
}

pid_t server() {
  for (const tests::FamilyMember& member : tests::family()) {
    if (member.name == "plait-forkserve") return member.pid;
  }
  return 0;
}

bool is_there(pid_t pid) {
  const auto family = tests::family();
  return std::ranges::any_of(family, [pid](const tests::FamilyMember& member) { return member.pid == pid; });
}

TEST(ForkServer, TakesNoNoticeOfInterruptAndTerminate) {
  const pid_t before = server();
  ASSERT_GT(before, 0);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE}) kill(before, number);
  EXPECT_EQ(start_child(StartMethod::forkserver, end_with, 5).end->wait().code, 5);
  EXPECT_EQ(server(), before);
}

TEST(ForkServer, HasOnlyTheDescriptorsItNeeds) {
  tests::family();  // until it has no spare child any more
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(server()) + "/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  EXPECT_EQ(count, 9U);  // streams 3, requests, exits, lifeline, shared heap, child signal, epoll
}

// The child that the server has made before anybody needs it; 0: there is none.
pid_t spare_of(pid_t server) {
  const std::string process = "/proc/" + std::to_string(server);
  std::istringstream children(tests::read_file(process + "/task/" + std::to_string(server) + "/children"));
  for (pid_t child = 0; children >> child;) {
    if (tests::read_file("/proc/" + std::to_string(child) + "/comm") == "plait-spare\n") return child;
  }
  return 0;
}

int code_of(std::uint64_t code) { return start_child(StartMethod::forkserver, end_with, code).end->wait().code; }

TEST(ForkServer, HasASpareChildWhileStartsFollowEachOther) {
  const pid_t the_server = server();
  EXPECT_TRUE(eventually([=] {
    EXPECT_EQ(code_of(3), 3);
    return spare_of(the_server) != 0;
  }));
  EXPECT_TRUE(eventually([=] { return spare_of(the_server) == 0; }));
}

TEST(ForkServer, WhoKillsTheSpareChildHarmsNobodyElse) {
  const pid_t the_server = server();
  std::atomic<bool> stop{false};
  std::atomic<int> killed{0};
  std::thread killer([&] {
    while (!stop) {
      const pid_t victim = spare_of(the_server);
      if (victim != 0 && kill(victim, SIGKILL) == 0) ++killed;
    }
  });
  for (int n = 0; n < 300 || killed < 10; ++n) {
    const ExitStatus status = start_child(StartMethod::forkserver, end_with, 5).end->wait();
    EXPECT_TRUE(status.known);
    EXPECT_TRUE(status.signal == SIGKILL || status.code == 5) << status.describe();
  }
  stop = true;
  killer.join();
  EXPECT_TRUE(eventually([] { return code_of(6) == 6; }));
  EXPECT_EQ(server(), the_server);
}

TEST(ForkServer, ItsSpareChildDiesWithIt) {
  tests::allow_leaks_in_this_test();  // another fork server
  const pid_t the_server = server();
  pid_t spare = 0;
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(code_of(3), 3);
    spare = spare_of(the_server);
    return spare != 0;
  }));
  kill(the_server, SIGKILL);
  EXPECT_TRUE(eventually([spare] { return kill(spare, 0) != 0; }));
}

TEST(ForkServer, IsNobodysChildHere) { EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1); }

TEST(ForkServer, ItsDeathLeavesChildrenAliveAndTheirEndsSeen) {
  tests::allow_leaks_in_this_test();  // another fork server
  const Started one = start_child(StartMethod::forkserver, run_for_ever);
  const Started other = start_child(StartMethod::forkserver, run_for_ever);
  start_child(StartMethod::forkserver, end_with, 0).end->wait();  // when it has come to this, the others are permitted
  const pid_t before = server();
  kill(before, SIGKILL);
  EXPECT_TRUE(eventually([&] { return !is_there(before); }));
  EXPECT_EQ(one.child->status(), std::nullopt);
  EXPECT_TRUE(one.child->signal(SIGTERM));
  const ExitStatus status = one.end->wait();
  EXPECT_EQ(status.signal, status.known ? SIGTERM : 0);
  EXPECT_EQ(other.child->status(), std::nullopt);
  EXPECT_TRUE(other.child->signal(SIGKILL));
  other.end->wait();
  EXPECT_EQ(one.end->count(), 1);
}

TEST(ForkServer, IsReplacedWhenTheProgramHasOneThread) {
  const pid_t program = os::fork();  // unlike this one, without the watchdog's thread
  if (program == 0) {
    const auto servers_before = tests::family();
    const int first = start_child(StartMethod::forkserver, end_with, 4).end->wait().code;
    for (const tests::FamilyMember& member : tests::family()) {
      if (member.name == "plait-forkserve" && std::ranges::find(servers_before, member) == servers_before.end())
        kill(member.pid, SIGKILL);
    }
    if (!eventually([] { return os::thread_count() == 1; })) _exit(1);
    const int second = start_child(StartMethod::forkserver, end_with, 5).end->wait().code;
    _exit(first == 4 && second == 5 ? 0 : 2);
  }
  int status = -1;
  EXPECT_EQ(waitpid(program, &status, 0), program);
  EXPECT_EQ(status, 0);
}

TEST(ForkServer, IsReplacedByAFreshImageWhenTheProgramHasThreads) {
  tests::allow_leaks_in_this_test();
  std::latch done(1);
  std::thread thread([&] { done.wait(); });
  for (const StartMethod method : {StartMethod::forkserver, StartMethod::spawn}) {
    const pid_t before = server();
    if (before != 0) kill(before, SIGKILL);
    EXPECT_EQ(start_child(method, end_with, 7).end->wait().code, 7);
    EXPECT_NE(server(), before);
    EXPECT_EQ(start_child(method, end_with, 8).end->wait().code, 8);
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  done.count_down();
  thread.join();
}

TEST(ForkServer, KilledWhileItStartsChildrenHangsNobody) {
  tests::allow_leaks_in_this_test();
  std::atomic<bool> stop{false};
  std::atomic<int> ended{0};
  std::thread killer([&] {
    for (int i = 0; i < 20 || ended == 0; ++i) {  // ever more seldom, for the slowest machine
      std::this_thread::sleep_for(7ms + i * 100us);
      if (const pid_t victim = server()) kill(victim, SIGKILL);
    }
    stop = true;
  });
  while (!stop) {
    try {
      start_child(StartMethod::forkserver, end_with, 1).end->wait();
      ++ended;
    } catch (const std::exception&) {  // "dies as soon as it is asked", if it is hit twice in a row
    }
  }
  killer.join();
  EXPECT_GT(ended, 0);
  EXPECT_EQ(start_child(StartMethod::forkserver, end_with, 9).end->wait().code, 9);
}

}  // namespace
}  // namespace plait::process
