// SPDX-License-Identifier: Apache-2.0
// Shared memory with names: S1 and R3 of the fault list, and that no name outlives its program, whoever is killed, in
// whatever order.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fault_test.hpp"
#include "plait/multiprocessing/managers.hpp"
#include "plait/multiprocessing/shared_memory.hpp"
#include "support/leak_check.hpp"

namespace plait::faults {
namespace {

using multiprocessing::Process;
using multiprocessing::shared_memory::SharedMemory;
using testing::AllOf;
using testing::HasSubstr;

bool exists(const std::string& name) { return !name.empty() && std::filesystem::exists("/dev/shm/" + name); }

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = T) {
  const auto due = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > due) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// The tracker stays from the first segment to the end of the program; so it is not what a test leaves behind.
class TrackerIsThere : public testing::Environment {
  void SetUp() override { SharedMemory({.create = true, .size = 1}).unlink(); }
};
const testing::Environment* const environment = testing::AddGlobalTestEnvironment(new TrackerIsThere);

// ---- S1 ------------------------------------------------------------------------------------------------------------

void make_and_hang(std::string fifo, std::size_t size) {
  const SharedMemory memory({.create = true, .size = size});
  std::ranges::fill(memory.buf(), std::byte{1});
  tell(fifo, memory.name());
  for (;;) ::pause();
}
void add_one(SharedMemory memory) {
  for (std::byte& byte : memory.buf()) byte = static_cast<std::byte>(std::to_integer<int>(byte) + 1);
}

class FaultS1 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultS1, "forkserver", "spawn", "fork");

TEST_P(FaultS1, CreatorIsKilledAndOthersGoOn) {
  Fifo made(folder_.file("made"));
  constexpr std::size_t size = 100'000;
  Process creator = start(make_and_hang, made.path(), size);
  const SharedMemory memory({.name = made.line()});
  creator.kill();
  creator.join();
  EXPECT_TRUE(std::ranges::all_of(memory.buf(), [](std::byte byte) { return byte == std::byte{1}; }));
  Process other = start(add_one, memory);  // by its name, which is still there
  other.join(T);
  EXPECT_EQ(other.exitcode(), 0);
  EXPECT_TRUE(std::ranges::all_of(memory.buf(), [](std::byte byte) { return byte == std::byte{2}; }));
  memory.unlink();
  EXPECT_FALSE(exists(memory.name()));
}

TEST_P(FaultS1, FreedWithTheLast) {
  const auto used = [] {
    struct statvfs status {};
    ::statvfs("/dev/shm", &status);
    return (status.f_blocks - status.f_bfree) * status.f_frsize;
  };
  constexpr std::size_t size = 64 << 20;
  // What is measured is everybody's: of these tests one runs at a time.
  const int alone = ::open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_EQ(::flock(alone, LOCK_EX), 0);
  const auto before = used();
  Fifo made(folder_.file("made"));
  Process creator = start(make_and_hang, made.path(), size);
  SharedMemory memory({.name = made.line()});
  memory.unlink();
  creator.kill();
  creator.join();
  EXPECT_GT(used(), before + size / 2);
  memory.buf()[size - 1] = std::byte{7};
  memory.close();
  EXPECT_LT(used(), before + size / 2);
  ::close(alone);
}

// ---- the end of a program ------------------------------------------------------------------------------------------

// A program of programs/memory_family, and what it says.
class MemoryFamily : public OverStartMethods {
 protected:
  void begin(const std::string& deed, bool own_group = false) {
    before_ = tests::family();
    program_.emplace(PLAIT_PROGRAM_MEMORY_FAMILY, std::vector<std::string>{GetParam(), deed, folder_.path()},
                     Program::Options{.own_group = own_group});
    std::istringstream line(program_->line());
    line >> own_ >> childs_ >> child_;
    third_ = own_ + "-more";
    EXPECT_TRUE(exists(own_));
  }
  void TearDown() override {
    for (const std::string& name : {own_, childs_, third_}) {
      if (exists(name)) std::filesystem::remove("/dev/shm/" + name);
    }
  }

  // The pid of one of its processes.
  [[nodiscard]] pid_t member(const std::string& name) const {
    for (const tests::FamilyMember& each : tests::family()) {
      if (each.name == name && each.state != 'Z' && std::ranges::find(before_, each) == before_.end()) return each.pid;
    }
    return 0;
  }
  [[nodiscard]] pid_t tracker() const { return member("plait-tracker"); }
  void kill_member(const std::string& name) const {
    const pid_t pid = member(name);
    ASSERT_GT(pid, 0) << "there is no " << name;
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(dies_within(pid, T));
  }
  void kill_program() {
    program_->kill(SIGKILL);
    EXPECT_EQ(program_->wait().signal, SIGKILL);
  }
  // A third segment, made by the program now.
  void make_more() {
    std::filesystem::create_directory(folder_.file("more"));
    EXPECT_EQ(program_->line(), third_);
    EXPECT_TRUE(exists(third_));
  }
  [[nodiscard]] std::string errors() const { return tests::read_file(folder_.file("errors")); }

  void expect_all_gone() const {
    EXPECT_TRUE(eventually([this] { return !exists(own_) && !exists(childs_) && !exists(third_); }))
        << own_ << " " << childs_ << " " << third_;
    EXPECT_TRUE(eventually([this] { return errors().find('\n') != std::string::npos; }));
    EXPECT_THAT(errors(), AllOf(HasSubstr("leaked shared_memory objects"), HasSubstr("/" + own_)));
    EXPECT_TRUE(eventually([this] { return tracker() == 0; }));
  }

  std::vector<tests::FamilyMember> before_;
  std::optional<Program> program_;
  std::string own_, childs_, third_;  // the last is there only after make_more()
  pid_t child_ = 0;
};
class FaultS1OfNames : public MemoryFamily {};
PLAIT_OVER_START_METHODS(FaultS1OfNames, "forkserver", "spawn", "fork");

TEST_P(FaultS1OfNames, ProgramIsKilled) {
  begin("family");
  kill_program();
  expect_all_gone();
  EXPECT_THAT(errors(), HasSubstr("there appear to be 2 leaked"));
}

// The name that the child has made is the program's, and stays till its end.
TEST_P(FaultS1OfNames, ChildIsKilledAndThenTheProgram) {
  begin("family");
  ASSERT_EQ(::kill(child_, SIGKILL), 0);
  ASSERT_TRUE(dies_within(child_, T));
  EXPECT_TRUE(exists(childs_));
  EXPECT_EQ(SharedMemory({.name = childs_}).size(), 100U);
  kill_program();
  expect_all_gone();
}

TEST_P(FaultS1OfNames, WholeProcessGroupIsKilled) {
  begin("family", true);
  program_->kill_group(SIGKILL);
  EXPECT_EQ(program_->wait().signal, SIGKILL);
  expect_all_gone();
}

TEST_P(FaultS1OfNames, TerminalSignalsDoNotEndTheTracker) {
  begin("family");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(tracker(), signal);
  kill_program();
  expect_all_gone();
}

// The fork server stands in.
TEST_P(FaultS1OfNames, TrackerIsKilledAndThenTheProgram) {
  begin("family");
  kill_member("plait-tracker");
  EXPECT_TRUE(exists(own_));
  kill_program();
  expect_all_gone();
}

TEST_P(FaultS1OfNames, ForkServerIsKilledAndThenTheProgram) {
  begin("family");
  kill_member("plait-forkserve");
  kill_program();
  expect_all_gone();
}

// There is a new one, which knows the names of before.
TEST_P(FaultS1OfNames, TrackerAndForkServerAreKilledAndMoreIsMade) {
  begin("family");
  kill_member("plait-forkserve");
  kill_member("plait-tracker");
  make_more();
  EXPECT_GT(tracker(), 0);
  kill_program();
  expect_all_gone();
  EXPECT_THAT(errors(), HasSubstr("there appear to be 3 leaked"));
}

// At any moment of making it.
TEST_P(FaultS1OfNames, KilledWhileItMakesMemory) {
  for (int round = 0; round < (soak() ? 300 : 20) && !HasFailure(); ++round) {
    begin("family");
    const std::string more = folder_.file("more");
    std::filesystem::create_directory(more);
    eventually([&] { return !std::filesystem::exists(more); });
    std::this_thread::sleep_for(std::chrono::microseconds(20 * round));
    kill_program();
    expect_all_gone();
    std::filesystem::remove(folder_.file("errors"));
    std::filesystem::remove(folder_.file("started"));
    program_.reset();
  }
}

class FaultS1WithoutForkServer : public MemoryFamily {};
PLAIT_OVER_START_METHODS(FaultS1WithoutForkServer, "forkserver");

// A program that has threads and has not called plait::init, so that there is no fork server.
TEST_P(FaultS1WithoutForkServer, ProgramIsKilled) {
  begin("threads");
  make_more();
  kill_program();
  expect_all_gone();
}

TEST_P(FaultS1WithoutForkServer, TrackerIsKilledAndMoreIsMade) {
  begin("threads");
  kill_member("plait-tracker");
  make_more();
  kill_program();
  expect_all_gone();
}

class FaultS1OfLeaving : public testing::Test {
 protected:
  // Its name, and what was on standard error when all is over.
  std::string leave(const std::string& how) {
    const Newcomers processes;
    Program program(PLAIT_PROGRAM_MEMORY_FAMILY, {"forkserver", "leave", how, folder_.path()});
    name_ = program.line();
    program.wait();
    EXPECT_TRUE(processes.gone_within(T));
    return tests::read_file(folder_.file("errors"));
  }
  TemporaryFolder folder_;
  std::string name_;
};

TEST_F(FaultS1OfLeaving, ForgottenNamesAreUnlinkedWithAWarning) {
  for (const char* how : {"return", "_exit", "abort"}) {
    EXPECT_THAT(leave(how),
                HasSubstr("there appear to be 1 leaked shared_memory objects to clean up at shutdown: /" + name_))
        << how;
    EXPECT_FALSE(exists(name_));
  }
}

TEST_F(FaultS1OfLeaving, WhoUnlinksHearsNothing) {
  EXPECT_EQ(leave("unlinked"), "");
  EXPECT_FALSE(exists(name_));
}

TEST_F(FaultS1OfLeaving, UntrackedNamesStay) {
  EXPECT_EQ(leave("untracked"), "");
  EXPECT_TRUE(exists(name_));
  SharedMemory({.name = name_}).unlink();
}

// What the program has left is used by its copy: it goes with that.
TEST_F(FaultS1OfLeaving, CopyByForkOutlivesTheProgram) {
  const Newcomers processes;
  pid_t copy = 0;
  {
    Program program(PLAIT_PROGRAM_MEMORY_FAMILY, {"forkserver", "copy", folder_.path()});
    std::istringstream line(program.line());
    line >> name_ >> copy;
    EXPECT_EQ(program.wait().exit_code, 0);
  }
  EXPECT_FALSE(eventually([this] { return !exists(name_); }, std::chrono::milliseconds(200)));
  ASSERT_EQ(::kill(copy, SIGKILL), 0);
  EXPECT_TRUE(eventually([this] { return !exists(name_); }));
  EXPECT_TRUE(processes.gone_within(T));
}

// A name that another program has by now is not ours to unlink.
TEST_F(FaultS1OfLeaving, NameOfAnotherSegmentIsLeftAlone) {
  std::optional<Program> program(std::in_place, PLAIT_PROGRAM_MEMORY_FAMILY,
                                 std::vector<std::string>{"forkserver", "family", folder_.path()});
  std::istringstream line(program->line());
  std::string childs;
  line >> name_ >> childs;
  SharedMemory({.name = name_}).unlink();
  const SharedMemory other({.name = name_, .create = true, .size = 1});
  program->kill(SIGKILL);
  program->wait();
  EXPECT_TRUE(eventually([&] { return !exists(childs); }));
  EXPECT_TRUE(eventually([&] { return !tests::read_file(folder_.file("errors")).empty(); }));
  EXPECT_TRUE(exists(name_));
  other.unlink();
}

// ---- R3 ------------------------------------------------------------------------------------------------------------

class FaultR3OfNames : public testing::Test {
 protected:
  // The errnos of 1000 bytes, 512 KiB, 2 MiB, 512 KiB; nothing if it cannot be tried.
  std::vector<int> with(const std::string& what) {
    const Newcomers processes;
    Program program(PLAIT_PROGRAM_MEMORY_FAMILY, {"forkserver", "shm", what, folder_.path()});
    const Program::End end = program.wait();
    reason_ = end.output;
    if (end.exit_code == 77) return {};
    EXPECT_EQ(end.signal, 0) << end.output;
    EXPECT_TRUE(processes.gone_within(T));
    EXPECT_EQ(tests::read_file(folder_.file("errors")), "");
    std::istringstream line(end.output);
    std::vector<int> errors(4, -1);
    for (int& error : errors) line >> error;
    return errors;
  }
  void expect(const std::string& what, const std::vector<int>& errors) {
    const std::vector<int> seen = with(what);
    if (seen.empty()) GTEST_SKIP() << reason_;
    EXPECT_EQ(seen, errors);
  }
  TemporaryFolder folder_;
  std::string reason_;
};

TEST_F(FaultR3OfNames, FolderOfOneMegabyte) { expect("small", {0, 0, ENOSPC, 0}); }
TEST_F(FaultR3OfNames, FolderFull) { expect("full", {ENOSPC, ENOSPC, ENOSPC, ENOSPC}); }
TEST_F(FaultR3OfNames, FolderReadOnly) { expect("read-only", {EROFS, EROFS, EROFS, EROFS}); }
TEST_F(FaultR3OfNames, FolderAbsent) { expect("absent", {ENOENT, ENOENT, ENOENT, ENOENT}); }

}  // namespace
}  // namespace plait::faults
