// SPDX-License-Identifier: Apache-2.0
// Tests that do wrong on purpose; tests/support/CMakeLists.txt says what the leak check and the watchdog must answer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

namespace {

void start_orphan() {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) ::execlp("sleep", "sleep", "4", nullptr);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

}  // namespace

[[gnu::noinline]] void never_ends() {
  for (;;) ::usleep(1000);
}

TEST(Victim, LeavesNothing) {
  std::thread([] {}).join();
  ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Victim, LeavesDescriptor) { EXPECT_GE(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0); }

TEST(Victim, LeavesThread) {
  std::thread thread([] { ::pause(); });
  ::pthread_setname_np(thread.native_handle(), "left-thread");
  thread.detach();
}

TEST(Victim, LeavesOrphan) { start_orphan(); }

TEST(Victim, LeavesName) {
  static const std::string name = "/tmp/plait-support-victim-" + std::to_string(::getpid());
  ::mkdir(name.c_str(), 0700);
  std::atexit([] { ::rmdir(name.c_str()); });
}

TEST(Victim, NeverEnds) {
  start_orphan();
  never_ends();
}
