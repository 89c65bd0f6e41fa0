// SPDX-License-Identifier: Apache-2.0
// Runs 60 tasks on 6 workers in a world that is short of something, and says what became of each.
//   limited METHOD files N         at most N descriptors
//   limited METHOD processes N     at most N processes and threads of this user
//   limited METHOD shm WHAT        /dev/shm is small (1 MB), full, read-only, absent
//   limited METHOD exhausted       descriptors run out while the pool works, and workers die meanwhile
// The last line of its output is "right R, failed F, refused S", which add up to 60; lines before it are the reasons.
// Exit code 77: this world cannot be made here.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "scene.hpp"

namespace {

using namespace plait::faults;
using plait::futures::Future;
using plait::futures::ProcessPoolExecutor;

[[noreturn]] void cannot(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::fflush(stdout);
  std::_Exit(77);
}

void limit(decltype(RLIMIT_NOFILE) resource, rlim_t value) {
  const rlimit both{value, value};
  if (::setrlimit(resource, &both) != 0) cannot("setrlimit");
}

void limit_processes(rlim_t count) {
  if (::getuid() == 0) {
    // Root is exempt. A user that nobody is, so that the processes counted are only these.
    const uid_t user = 60'000 + static_cast<uid_t>(::getpid()) % 5'000;
    if (::setresuid(user, user, user) != 0) cannot("setresuid");
    ::prctl(PR_SET_DUMPABLE, 1);
  } else {
    cannot("root is needed to become a user without other processes");
  }
  limit(RLIMIT_NPROC, count);
}

void change_shm(const std::string& what) {
  if (::unshare(CLONE_NEWNS) != 0) cannot("unshare");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) cannot("mount / private");
  if (what == "absent") {
    if (::mount("none", "/dev", "tmpfs", 0, "mode=755") != 0) cannot("mount over /dev");
    if (::mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) != 0) cannot("mknod /dev/null");
    return;
  }
  const unsigned long flags = what == "read-only" ? MS_RDONLY : 0;
  if (::mount("none", "/dev/shm", "tmpfs", flags, "size=1m") != 0) cannot("mount over /dev/shm");
  if (what == "full") {
    std::ofstream file("/dev/shm/fills");
    while (file << std::string(65'536, 'x') && file.flush()) {
    }
  }
}

std::set<std::string> reasons;

// What may be told to the user; anything else is let out, and ends the program.
template <class F>
bool succeeds(F attempt) {
  try {
    attempt();
    return true;
  } catch (const plait::Error& error) {
    reasons.insert(error.what());
  } catch (const std::system_error& error) {
    reasons.insert(error.what());
  }
  return false;
}

struct Outcomes {
  int right = 0, failed = 0, refused = 0;
};

void run_tasks(ProcessPoolExecutor& pool, int count, Outcomes& outcomes) {
  std::vector<std::pair<int, Future<int>>> accepted;
  for (int i = 0; i < count; ++i) {
    if (!succeeds([&] { accepted.emplace_back(i, pool.submit(square, i)); })) ++outcomes.refused;
  }
  for (const auto& [i, future] : accepted) {
    if (!succeeds([&] {
          if (future.result(std::chrono::seconds(20)) != i * i) std::abort();
        })) {
      ++outcomes.failed;
    } else {
      ++outcomes.right;
    }
  }
}

// Workers die while there is not one descriptor left for their successors; then there are some again.
void run_exhausted(ProcessPoolExecutor& pool, Outcomes& outcomes) {
  run_tasks(pool, 20, outcomes);
  const pid_t worker = pool.submit(own_pid).result();
  limit(RLIMIT_NOFILE, 64);
  std::vector<int> eaten;
  for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) eaten.push_back(fd);
  ::kill(worker, SIGKILL);
  run_tasks(pool, 20, outcomes);
  for (const int fd : eaten) ::close(fd);
  Outcomes after;
  run_tasks(pool, 20, after);
  if (after.right != 20) {
    std::printf("after there were descriptors again: %d right of 20\n", after.right);
    for (const std::string& reason : reasons) std::printf("  %s\n", reason.c_str());
    std::fflush(stdout);
    std::_Exit(1);
  }
  outcomes.right += after.right;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argv[2];
  // A worker of start method spawn comes here too; the world around it is as it should be.
  const bool first = ::getenv("PLAIT_TEST_LIMITED") == nullptr;
  ::setenv("PLAIT_TEST_LIMITED", "1", 1);
  if (first && what == "processes") limit_processes(std::stoul(argv[3]));
  if (first && what == "shm") change_shm(argv[3]);
  Outcomes outcomes;
  if (!succeeds([&] {
        plait::init(argc, argv);
        if (what == "files") limit(RLIMIT_NOFILE, std::stoul(argv[3]));
        ProcessPoolExecutor pool({.max_workers = 6, .mp_context = plait::multiprocessing::get_context(argv[1])});
        if (what == "exhausted")
          run_exhausted(pool, outcomes);
        else
          run_tasks(pool, 60, outcomes);
      })) {
    outcomes.refused = 60 - outcomes.right - outcomes.failed;
  }
  for (const std::string& reason : reasons) std::printf("%s\n", reason.c_str());
  std::printf("right %d, failed %d, refused %d\n", outcomes.right, outcomes.failed, outcomes.refused);
  return 0;
}
