// SPDX-License-Identifier: Apache-2.0
// Runs 60 tasks on 6 workers in a world that is short of something, and says what became of each.
//   limited METHOD POOL files N         at most N descriptors
//   limited METHOD POOL processes N     at most N processes and threads of this user
//   limited METHOD POOL shm WHAT        /dev/shm is small (1 MB), full, read-only, absent
//   limited METHOD POOL exhausted           descriptors run out while the pool works, and its workers die
// POOL: executor (a ProcessPoolExecutor) or pool (a multiprocessing.Pool).
// The last line of its output is "right R, failed F, refused S", which add up to 60; lines before it are the reasons.
// Exit code 77: this world cannot be made here.
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
using plait::futures::ProcessPoolExecutor;
using plait::multiprocessing::Pool;

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

[[noreturn]] void give_up(const std::string& what) {
  std::printf("%s\n", what.c_str());
  for (const std::string& reason : reasons) std::printf("  %s\n", reason.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

// What may be told to the user; anything else is let out, and ends the program.
template <class F>
bool succeeds(F attempt) {
  try {
    attempt();
    return true;
  } catch (const plait::TimeoutError&) {
    give_up("a task does not settle");
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

// What both kinds of pools can do, in one interface.
constexpr std::chrono::seconds patience(20);
auto submit(ProcessPoolExecutor& pool, auto function, auto... args) { return pool.submit(function, args...); }
auto submit(Pool& pool, auto function, auto... args) { return pool.apply_async(function, args...); }
int result_of(const plait::futures::Future<int>& future) { return future.result(patience); }
int result_of(const plait::multiprocessing::AsyncResult<int>& result) { return result.get(patience); }

template <class AnyPool>
void run_tasks(AnyPool& pool, int count, Outcomes& outcomes) {
  std::vector<std::pair<int, decltype(submit(pool, square, 1))>> accepted;
  for (int i = 0; i < count; ++i) {
    if (!succeeds([&] { accepted.emplace_back(i, submit(pool, square, i)); })) ++outcomes.refused;
  }
  for (const auto& [i, result] : accepted) {
    if (!succeeds([&] {
          if (result_of(result) != i * i) std::abort();
        })) {
      ++outcomes.failed;
    } else {
      ++outcomes.right;
    }
  }
}

// The pids of all workers: each has a task that waits for those of the others.
template <class AnyPool>
std::vector<pid_t> roll_call(AnyPool& pool) {
  const TemporaryFolder folder;
  Fifo started(folder.file("started"));
  std::vector<decltype(submit(pool, own_pid))> calls;
  std::vector<pid_t> pids;
  for (int i = 0; i < 6; ++i) {
    calls.push_back(submit(pool, tell_and_wait_for, started.path(), folder.file("all")));
    pids.push_back(started.pid());
  }
  std::ofstream(folder.file("all")).flush();
  for (const auto& call : calls) result_of(call);
  return pids;
}

// All workers die while there is not one descriptor left for their successors; then there are some again.
template <class AnyPool>
void run_exhausted(AnyPool& pool, Outcomes& outcomes) {
  run_tasks(pool, 20, outcomes);
  const std::vector<pid_t> workers = roll_call(pool);
  std::vector<pollfd> deaths;
  for (const pid_t worker : workers) {
    deaths.push_back({static_cast<int>(::syscall(SYS_pidfd_open, worker, 0)), POLLIN, 0});
  }
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};  // those of the dead are not to be had again, either
  ::setrlimit(RLIMIT_NOFILE, &none);
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  for (pollfd& death : deaths) {
    if (::poll(&death, 1, 20'000) != 1) give_up("a worker that was killed does not die");
  }
  run_tasks(pool, 20, outcomes);
  ::setrlimit(RLIMIT_NOFILE, &before);
  for (const pollfd& death : deaths) ::close(death.fd);
  Outcomes after;
  run_tasks(pool, 20, after);
  if (after.right != 20) give_up("after there were descriptors again: " + std::to_string(after.right) + " right of 20");
  outcomes.right += after.right;
}

template <class AnyPool>
void run(AnyPool& pool, const std::string& what, Outcomes& outcomes) {
  if (what == "exhausted")
    run_exhausted(pool, outcomes);
  else
    run_tasks(pool, 60, outcomes);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argv[3];
  // A worker of start method spawn comes here too; the world around it is as it should be.
  const bool first = ::getenv("PLAIT_TEST_LIMITED") == nullptr;
  ::setenv("PLAIT_TEST_LIMITED", "1", 1);
  if (first && what == "processes") limit_processes(std::stoul(argv[4]));
  if (first && what == "shm") change_shm(argv[4]);
  Outcomes outcomes;
  if (!succeeds([&] {
        plait::init(argc, argv);
        if (what == "files") limit(RLIMIT_NOFILE, std::stoul(argv[4]));
        const auto context = plait::multiprocessing::get_context(argv[1]);
        if (argv[2] == std::string("pool")) {
          Pool pool({.processes = 6, .context = context});
          run(pool, what, outcomes);
        } else {
          ProcessPoolExecutor pool({.max_workers = 6, .mp_context = context});
          run(pool, what, outcomes);
        }
      })) {
    outcomes.refused = 60 - outcomes.right - outcomes.failed;
  }
  for (const std::string& reason : reasons) std::printf("%s\n", reason.c_str());
  std::printf("right %d, failed %d, refused %d\n", outcomes.right, outcomes.failed, outcomes.refused);
  return 0;
}
