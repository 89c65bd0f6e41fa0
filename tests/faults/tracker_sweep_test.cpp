// SPDX-License-Identifier: Apache-2.0
// S1 of the fault list for names, at every step: a program is killed wherever it can be while it makes shared memory,
// and the tracker unlinks what it leaves.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>

#include "fault_test.hpp"

namespace plait::faults {
namespace {

std::size_t names_left(const std::string& prefix) {
  return static_cast<std::size_t>(
      std::ranges::count_if(std::filesystem::directory_iterator("/dev/shm"),
                            [&](const auto& entry) { return entry.path().filename().string().starts_with(prefix); }));
}

// Over who is killed; see programs/memory_sweep.cpp.
class TrackerSweep : public testing::TestWithParam<const char*> {};
PLAIT_OVER_START_METHODS(TrackerSweep, "server", "alone", "child");

TEST_P(TrackerSweep, NoNameStaysAtWhicheverStepItsMakerIsKilled) {
  int deaths = 0, made = 0;
  for (bool at_end = false; !at_end && !HasFailure(); ++deaths) {
    const TemporaryFolder folder;
    const std::string name = "sweep-" + std::to_string(::getpid()) + "-" + std::to_string(deaths);
    SCOPED_TRACE(name);
    const Newcomers processes;
    Program program(PLAIT_PROGRAM_MEMORY_SWEEP, {GetParam(), std::to_string(deaths), name, folder.path()});
    const Program::End end = program.wait();
    at_end = end.exit_code == 3;
    EXPECT_TRUE(at_end || end.signal == SIGKILL) << end.exit_code;
    EXPECT_TRUE(processes.gone_within(T)) << "the tracker among them, which has done its work then";
    EXPECT_EQ(names_left(name), 0U);
    made = *Shared<std::atomic<int>>(folder.file("made"));
    const std::string errors = tests::read_file(folder.file("errors"));
    if (made > 0) {
      EXPECT_THAT(errors, testing::HasSubstr("there appear to be " + std::to_string(made) + " leaked"));
    }
  }
  EXPECT_GE(made, 40) << "the last one came to its end";
  EXPECT_GT(deaths, 40) << "there is a step of each";
}

}  // namespace
}  // namespace plait::faults
