// SPDX-License-Identifier: Apache-2.0
// A system that is short of something: R1 to R3 and W14 of the fault list, for both kinds of pools. The shortage is
// made in a program of its own.
#include <gmock/gmock.h>

#include <cstdio>
#include <string>

#include "fault_test.hpp"

namespace plait::faults {

struct Outcomes {
  int right = 0, failed = 0, refused = 0;
  std::string output;
};

class InScarcity : public OverStartMethods {
 protected:
  // Runs programs/limited; nothing of it is left, and every one of its tasks was settled or refused with a typed error.
  Outcomes run(std::vector<std::string> arguments) const {
    const Newcomers processes;
    arguments.insert(arguments.begin(), {GetParam(), pool_});
    Outcomes outcomes;
    {
      Program program(PLAIT_PROGRAM_LIMITED, arguments);
      const Program::End end = program.wait();
      outcomes.output = end.output + end.errors;
      if (end.exit_code == 77) return outcomes;
      EXPECT_EQ(end.exit_code, 0) << outcomes.output;
      EXPECT_EQ(end.signal, 0) << outcomes.output;
      const auto last = end.output.rfind("right ");
      EXPECT_NE(last, std::string::npos) << outcomes.output;
      if (last != std::string::npos) {
        std::sscanf(end.output.c_str() + last, "right %d, failed %d, refused %d", &outcomes.right, &outcomes.failed,
                    &outcomes.refused);
      }
      EXPECT_EQ(outcomes.right + outcomes.failed + outcomes.refused, 60) << outcomes.output;
      if (outcomes.right < 60) {
        EXPECT_GT(last, 0U) << "no reason is given";
      }
    }
    EXPECT_TRUE(processes.gone_within(T)) << processes.now().size() << " processes are left";
    return outcomes;
  }
  static bool cannot_be_made(const Outcomes& outcomes) {
    return outcomes.right + outcomes.failed + outcomes.refused == 0;
  }

  // From none for us to enough: at one of these limits exactly one descriptor is missing.
  void every_limit_of_descriptors() const {
    int enough = 0;
    for (int files = 3; files <= 80 && enough < 3 && !HasFailure(); files += files < 40 || soak() ? 1 : 8) {
      SCOPED_TRACE("RLIMIT_NOFILE " + std::to_string(files));
      enough = run({"files", std::to_string(files)}).right == 60 ? enough + 1 : 0;
    }
    EXPECT_EQ(enough, 3) << "6 workers need no more than 80 descriptors";
  }
  void every_limit_of_processes() const {
    bool enough = false;
    for (int processes = 1; processes <= 20 && !enough && !HasFailure(); ++processes) {
      SCOPED_TRACE("RLIMIT_NPROC " + std::to_string(processes));
      const Outcomes outcomes = run({"processes", std::to_string(processes)});
      if (cannot_be_made(outcomes)) GTEST_SKIP() << outcomes.output;
      enough = outcomes.right == 60 && processes >= 12;
    }
    EXPECT_TRUE(enough) << "6 workers need no more than 20 processes and threads";
  }

  const char* pool_ = "executor";
};

// ---- R1 ------------------------------------------------------------------------------------------------------------

class FaultR1 : public InScarcity {};
PLAIT_OVER_START_METHODS(FaultR1, "forkserver", "spawn", "fork");

TEST_P(FaultR1, EveryLimitOfDescriptorsUpToEnough) { every_limit_of_descriptors(); }

TEST_P(FaultR1, LimitOf16And32) {
  run({"files", "16"});
  run({"files", "32"});
}

TEST_P(FaultR1, ExhaustedWhileWorkersDie) { EXPECT_GE(run({"exhausted"}).right, 40); }

class FaultR1OfPools : public FaultR1 {
 protected:
  FaultR1OfPools() { pool_ = "pool"; }
};
PLAIT_OVER_START_METHODS(FaultR1OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultR1OfPools, EveryLimitOfDescriptorsUpToEnough) { every_limit_of_descriptors(); }

class FaultW14OfPools : public FaultR1OfPools {};
PLAIT_OVER_START_METHODS(FaultW14OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultW14OfPools, NoDescriptorIsLeftForReplacements) { EXPECT_GE(run({"exhausted"}).right, 40); }

// ---- R2 ------------------------------------------------------------------------------------------------------------

class FaultR2 : public InScarcity {};
PLAIT_OVER_START_METHODS(FaultR2, "forkserver", "spawn", "fork");

TEST_P(FaultR2, EveryLimitOfProcessesUpToEnough) { every_limit_of_processes(); }

class FaultR2OfPools : public FaultR2 {
 protected:
  FaultR2OfPools() { pool_ = "pool"; }
};
PLAIT_OVER_START_METHODS(FaultR2OfPools, "forkserver", "spawn", "fork");

TEST_P(FaultR2OfPools, EveryLimitOfProcessesUpToEnough) { every_limit_of_processes(); }

// ---- R3 ------------------------------------------------------------------------------------------------------------

class FaultR3 : public InScarcity {
 protected:
  void expect_no_effect(const std::string& what) const {
    const Outcomes outcomes = run({"shm", what});
    if (cannot_be_made(outcomes)) GTEST_SKIP() << outcomes.output;
    EXPECT_EQ(outcomes.right, 60) << outcomes.output;
  }
};
PLAIT_OVER_START_METHODS(FaultR3, "forkserver", "spawn", "fork");

TEST_P(FaultR3, SharedMemoryFolderOfOneMegabyte) { expect_no_effect("small"); }
TEST_P(FaultR3, SharedMemoryFolderFull) { expect_no_effect("full"); }
TEST_P(FaultR3, SharedMemoryFolderReadOnly) { expect_no_effect("read-only"); }
TEST_P(FaultR3, SharedMemoryFolderAbsent) { expect_no_effect("absent"); }

}  // namespace plait::faults
