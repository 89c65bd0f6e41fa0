// SPDX-License-Identifier: Apache-2.0
// The host dies by SIGKILL: every process of its family is gone within two seconds.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "child_helper.hpp"
#include "os/file_descriptor.hpp"
#include "support/family.hpp"

namespace plait::process {
namespace {

// A doomed_parent, and the lines that it prints.
class DoomedParent {
 public:
  DoomedParent(StartMethod method, int count) : before_(tests::family()) {
    os::Pipe output = os::make_pipe();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output.writer.get(), STDOUT_FILENO);
    std::string program = PLAIT_DOOMED_PARENT, name = name_of(method), number = std::to_string(count);
    char* arguments[] = {program.data(), name.data(), number.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    lines_ = ::fdopen(output.reader.release(), "r");
  }
  ~DoomedParent() { std::fclose(lines_); }

  void wait_for(const std::string& word) {
    char line[64] = {};
    while (std::fgets(line, sizeof line, lines_) != nullptr && line != word + "\n") {
    }
    EXPECT_EQ(line, word + "\n");
  }
  // Members of the family that it brought, itself not counted.
  [[nodiscard]] std::ptrdiff_t others() const {
    const auto now = tests::family();
    return std::ranges::count_if(
        now, [this](const tests::FamilyMember& member) { return member.pid != pid_ && brought(member); });
  }
  [[nodiscard]] bool brought(const tests::FamilyMember& member) const {
    return std::ranges::find(before_, member) == before_.end();
  }
  void die() const {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  std::vector<tests::FamilyMember> before_;
  pid_t pid_ = 0;
  std::FILE* lines_ = nullptr;
};

class ParentDeath : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(ParentDeath);

TEST_P(ParentDeath, EndsItsChildrenAndTheForkServer) {
  DoomedParent parent(GetParam(), 5);
  parent.wait_for("ready");
  EXPECT_TRUE(eventually([&] { return parent.others() == 6; }));  // a fresh image has no mark while it is made
  parent.die();
  EXPECT_TRUE(eventually([&] { return parent.others() == 0; }, 2s));
}

TEST_P(ParentDeath, EndsThemWhenTheForkServerIsDeadToo) {
  DoomedParent parent(GetParam(), 3);
  parent.wait_for("ready");
  for (const tests::FamilyMember& member : tests::family()) {
    if (member.name == "plait-forkserve" && parent.brought(member)) kill(member.pid, SIGKILL);
  }
  parent.die();
  EXPECT_TRUE(eventually([&] { return parent.others() == 0; }, 2s));
}

TEST_P(ParentDeath, InTheMiddleOfStarting) {
  for (int round = 0; round < 10; ++round) {
    DoomedParent parent(GetParam(), 0);
    parent.wait_for("begins");
    std::this_thread::sleep_for(std::chrono::microseconds(700 * round));
    parent.die();
    EXPECT_TRUE(eventually([&] { return parent.others() == 0; }, 2s)) << "round " << round;
  }
}

TEST(WithoutInit, SaysWhatIsMissing) {
  // Its own expectations are in the program.
  EXPECT_EQ(std::system(PLAIT_WITHOUT_INIT), 0);
}

}  // namespace
}  // namespace plait::process
