// SPDX-License-Identifier: Apache-2.0
// The system refuses: a typed error that names the call, and nothing left behind.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <system_error>

#include "child_helper.hpp"
#include "plait/os.hpp"

namespace plait::process {
namespace {

void end_with(std::uint64_t code) { _exit(static_cast<int>(code)); }

int open_descriptors() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

void lift_limit() {
  const rlimit enough{4096, 4096};
  setrlimit(RLIMIT_NOFILE, &enough);
}

// Runs `scene` in a child of the test, whose limits may be ruined; its result is the child's exit code.
int in_a_child(const std::function<int()>& scene) {
  const pid_t child = os::fork();
  if (child == 0) {
    try {
      _exit(scene());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(111);
    }
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class Limits : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(Limits);

// Every number of descriptors from none to enough: an error each time, until it works; and it works when there is room.
TEST_P(Limits, TooFewDescriptors) {
  EXPECT_EQ(in_a_child([] {
              shm::Heap::get();
              const int before = open_descriptors();
              int works_from = 0;
              for (rlim_t room = 0; room < 40 && works_from == 0; ++room) {
                const rlimit few{static_cast<rlim_t>(before) + room, 4096};
                setrlimit(RLIMIT_NOFILE, &few);
                try {
                  if (start_child(GetParam(), end_with, 7).end->wait().code != 7) return 1;
                  works_from = static_cast<int>(room);
                } catch (const std::system_error& error) {
                  lift_limit();
                  if (error.code() != std::errc::too_many_files_open) return 2;
                }
              }
              if (works_from == 0) return 3;
              lift_limit();
              if (start_child(GetParam(), end_with, 8).end->wait().code != 8) return 4;
              // lifeline 2, epoll and its event, two sockets, and the heap of this new family
              return eventually([&] { return open_descriptors() <= before + 7; }) ? 0 : 5;
            }),
            0);
}

TEST_P(Limits, RunningOutInTheMiddle) {
  EXPECT_EQ(in_a_child([] {
              start_child(GetParam(), end_with, 1).end->wait();
              const int before = open_descriptors();
              const rlimit few{static_cast<rlim_t>(before) + 3, 4096};
              setrlimit(RLIMIT_NOFILE, &few);
              std::vector<Started> running;
              bool refused = false;
              for (int i = 0; i < 8 && !refused; ++i) {
                try {
                  running.push_back(start_child(
                      GetParam(), +[](std::uint64_t) { pause(); }));
                } catch (const std::system_error& error) {
                  lift_limit();
                  refused = error.code() == std::errc::too_many_files_open;
                }
              }
              for (const Started& started : running) {
                started.child->signal(SIGKILL);
                if (started.end->wait().signal != SIGKILL) return 1;
              }
              running.clear();
              if (start_child(GetParam(), end_with, 9).end->wait().code != 9) return 2;
              return refused ? 0 : 3;
            }),
            0);
}

TEST_P(Limits, TooManyProcesses) {
  if (::getuid() != 0) GTEST_SKIP() << "needs a user of its own to have a count of its own";
  EXPECT_EQ(in_a_child([] {
              if (setgid(54321) != 0 || setuid(54321) != 0) return 1;
              const rlimit few{2, 2};  // this process, and the fork server
              if (GetParam() == StartMethod::fork) {
                const rlimit only_us{1, 1};
                setrlimit(RLIMIT_NPROC, &only_us);
              } else {
                const auto first = start_child(GetParam(), end_with, 1);
                first.end->wait();
                if (!eventually([&] { return first.child->status().has_value(); })) return 2;
                setrlimit(RLIMIT_NPROC, &few);
              }
              try {
                start_child(GetParam(), end_with, 2).end->wait();
              } catch (const std::system_error& error) {
                return error.code() == std::errc::resource_unavailable_try_again ? 0 : 3;
              }
              return GetParam() == StartMethod::fork ? 4 : 0;  // the server's limit was set before ours
            }),
            0);
}

}  // namespace
}  // namespace plait::process
