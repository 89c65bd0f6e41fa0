// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Children for the tests of shared memory: bare forks that run one function and leave by _exit.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(__SANITIZE_THREAD__)
#define PLAIT_TESTS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLAIT_TESTS_TSAN 1
#elif __has_feature(address_sanitizer)
#define PLAIT_TESTS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define PLAIT_TESTS_ASAN 1
#endif

// ThreadSanitizer follows no accesses across processes, and dislikes forks of threaded programs.
#ifdef PLAIT_TESTS_TSAN
#define SKIP_FORKS_UNDER_TSAN() GTEST_SKIP() << "ThreadSanitizer cannot follow a fork"
#else
#define SKIP_FORKS_UNDER_TSAN() static_cast<void>(0)
#endif

namespace plait::shm::tests {

// Forks; the child runs `run` and exits with what it returns. An exception ends it with SIGABRT. It dies with the
// thread that forked it, so that a test that fails leaves none behind.
template <class Run>
pid_t fork_child(Run run) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int code = [&]() noexcept { return run(); }();
    _exit(code);
  }
  return pid;
}

inline int wait_for(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

inline bool exited_with(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
inline bool killed_by(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

// The seed of a random test: from PLAIT_TEST_SEED, else 1. Tests print it when they fail.
inline std::uint64_t test_seed() {
  const char* const text = std::getenv("PLAIT_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

inline bool soak() { return std::getenv("PLAIT_SOAK") != nullptr; }

}  // namespace plait::shm::tests
