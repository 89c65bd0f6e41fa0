// SPDX-License-Identifier: Apache-2.0
// Shared objects that a program makes before main: a child that is started anew makes its own, before plait::init.
#include <signal.h>

#include <cstdlib>
#include <latch>
#include <mutex>
#include <string_view>
#include <thread>

#include "child.hpp"
#include "plait/errors.hpp"
#include "support/leak_check.hpp"

namespace plait::multiprocessing {
namespace {

const Lock lock_of_the_program;
const Queue<int> queue_of_the_program;

// What has become of them: 0: usable; 1: refused.
int use_them() {
  try {
    lock_of_the_program.acquire();
    queue_of_the_program.put(7);
    const int got = queue_of_the_program.get();
    lock_of_the_program.release();
    return got == 7 ? 0 : 2;
  } catch (const RuntimeError&) {
    return 1;
  }
}
void exit_with_what_became_of_them() { std::exit(use_them()); }

class StaticObjects : public EveryMethod {
 protected:
  // By what use_them() tells: a child of the fork server has copies of the server's, which are another family's.
  const int expected_ = GetParam() == std::string_view("forkserver") ? 1 : 0;
};
PLAIT_FOR_EVERY_METHOD(StaticObjects);

TEST_P(StaticObjects, AreTheChildsOwnWhereverItCanHaveThem) {
  EXPECT_EQ(code_of(exit_with_what_became_of_them), expected_);
  Pool pool({.processes = 2, .context = context()});
  EXPECT_EQ(pool.apply(use_them), expected_);
}

TEST_P(StaticObjects, AreSharedAsArguments) {
  const auto get = [](const Queue<int>& queue, const Lock& lock) {
    int got = 0;
    {
      const std::scoped_lock held(lock);
      got = queue.get();
    }
    std::exit(got);
  };
  queue_of_the_program.put(5);
  EXPECT_EQ(code_of(get, queue_of_the_program, lock_of_the_program), 5);
  EXPECT_EQ(use_them(), 0);
}

// The new one is the program started anew.
TEST_P(StaticObjects, ForkServerCanBeReplaced) {
  tests::allow_leaks_in_this_test();
  std::latch done(1);
  std::jthread thread([&] { done.wait(); });
  EXPECT_TRUE(code_of(exit_with_what_became_of_them).has_value());
  for (const tests::FamilyMember& member : tests::family()) {
    if (member.name == "plait-forkserve") ::kill(member.pid, SIGKILL);
  }
  EXPECT_EQ(code_of(exit_with_what_became_of_them), expected_);
  EXPECT_EQ(use_them(), 0);
  done.count_down();
}

}  // namespace
}  // namespace plait::multiprocessing
