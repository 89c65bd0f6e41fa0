// SPDX-License-Identifier: Apache-2.0
// How programs with threads end, in processes of their own: programs/exit_scenes.cpp has the scenes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "os/sanitizer.hpp"

namespace plait::threading {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Outcome {
  int status = -1;     // of exit, or 100 and the signal
  std::string output;  // with stderr
};

Outcome play(const std::string& scene) {
  Outcome outcome;
  const std::string command = std::string(PLAIT_PROGRAM_EXIT_SCENES) + " " + scene + " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "re");
  char text[512];
  for (std::size_t size; (size = std::fread(text, 1, sizeof text, pipe)) > 0;) outcome.output.append(text, size);
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
  return outcome;
}

TEST(ThreadExit, JoinsThreadsBeforeStaticObjectsAreDestroyed) {
  for (const char* scene : {"joins", "exit_joins", "joins_static"}) {
    const Outcome outcome = play(scene);
    EXPECT_EQ(outcome.output, "thread static object") << scene;
    EXPECT_EQ(outcome.status, 3) << scene;
  }
}

TEST(ThreadExit, JoinsThreadsThatAreStartedMeanwhile) {
  const Outcome outcome = play("joins_threads_of_threads");
  EXPECT_EQ(outcome.output, "second third");
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, LeavesDaemonsWhereTheyAre) {
  const Outcome outcome = play("leaves_daemons");
  EXPECT_EQ(outcome.output, "static object");
  EXPECT_EQ(outcome.status, 3);
}

TEST(ThreadExit, LeavesValuesOfDaemonsInLocals) {
  const Outcome outcome = play("leaves_values_of_daemons");
  EXPECT_EQ(outcome.output, "static object");
  EXPECT_EQ(outcome.status, 3);
}

TEST(ThreadExit, DaemonsMayUsePlaitToTheEnd) {
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = play("leaves_busy_daemons");
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(outcome.status, 3);
  }
}

TEST(ThreadExit, TheMainThreadCanBeJoined) {
  const Outcome outcome = play("main_can_be_joined");
  EXPECT_EQ(outcome.output, "joined");
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, MainMayEndByPthreadExit) {
  const Outcome outcome = play("main_ends_by_pthread_exit");
  EXPECT_EQ(outcome.output, "thread callback") << "the last thread ends the program";
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, InAThreadDoesNotWaitForThatThread) {
  EXPECT_EQ(play("exit_in_a_thread").status, 3);
  EXPECT_EQ(play("exit_in_a_daemon").status, 3);
  const Outcome waiting = play("exit_in_a_thread_waits_for_others");
  EXPECT_EQ(waiting.output, "other thread");
  EXPECT_EQ(waiting.status, 3);
  const Outcome foreign = play("exit_in_a_foreign_thread");
  EXPECT_EQ(foreign.output, "thread");
  EXPECT_EQ(foreign.status, 3);
}

TEST(ThreadExit, InAThreadThatMainWaitsForTakesOver) {
  const Outcome outcome = play("exit_in_a_thread_takes_over");
  EXPECT_EQ(outcome.output, "callback ");
  EXPECT_EQ(outcome.status, 4);
}

TEST(ThreadExit, StartInACallbackIsAllowed) { EXPECT_EQ(play("start_in_a_callback").output, "late thread"); }

TEST(ThreadExit, StartAfterTheThreadsWereJoinedThrows) {
  const Outcome outcome = play("start_after_the_join");
  EXPECT_THAT(outcome.output, StartsWith("can't start a new thread while the program ends: Thread-1"));
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, CallbacksRunOnceTheLastRegisteredFirst) {
  const Outcome outcome = play("callbacks");
  EXPECT_THAT(outcome.output, StartsWith("2 can't register a callback for the end of the program when it has begun "
                                         "Exception in a callback at the end of the program:\n"
                                         "std::runtime_error: in a callback\n"));
  EXPECT_TRUE(outcome.output.ends_with("1 ")) << outcome.output;
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, AForkedChildJoinsItsOwnThreads) {
  for (const char* scene : {"fork_and_join_in_the_child", "fork_in_a_thread_and_join_in_the_child"}) {
    const Outcome outcome = play(scene);
    EXPECT_EQ(outcome.output, "thread of the child end of main") << scene;
    EXPECT_EQ(outcome.status, 5) << scene;
  }
}

TEST(ThreadExit, AForkedThreadThatPlaitDidNotKnowCanBeJoined) {
  const Outcome outcome = play("fork_in_a_foreign_thread");
  EXPECT_EQ(outcome.output, "thread of the child end of main");
  EXPECT_EQ(outcome.status, 5);
}

TEST(ThreadExit, AForkedChildLeavesStaticThreadsOfTheParent) {
  const Outcome outcome = play("fork_with_a_static_timer");
  EXPECT_EQ(outcome.output, "end of main");
  EXPECT_EQ(outcome.status, 5);
}

TEST(ThreadExit, AForkedThreadMayJustReturn) {
  const Outcome outcome = play("fork_in_a_thread_and_return");
  EXPECT_EQ(outcome.output, "thread of the child callback end of main");
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, AThreadThatTheSystemRefusesIsNotStarted) {
  if (os::under_address_sanitizer) GTEST_SKIP() << "AddressSanitizer needs the address space";
  const Outcome outcome = play("refused");
  EXPECT_THAT(outcome.output, StartsWith("can't start a new thread (wanted): pthread_create: "));
  EXPECT_THAT(outcome.output, HasSubstr("raise ulimit -u or -v"));
  EXPECT_TRUE(outcome.output.ends_with("at last")) << outcome.output;
  EXPECT_EQ(outcome.status, 0);
}

TEST(ThreadExit, UncaughtExceptionsEndOnlyTheThread) {
  const Outcome outcome = play("uncaught");
  EXPECT_THAT(outcome.output, StartsWith("Exception in thread unlucky:\nstd::runtime_error: no luck\n"));
  EXPECT_TRUE(outcome.output.ends_with("joined")) << outcome.output;
  EXPECT_EQ(outcome.status, 0);
}

}  // namespace
}  // namespace plait::threading
