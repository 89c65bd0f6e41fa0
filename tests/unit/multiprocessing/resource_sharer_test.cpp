// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/resource_sharer.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <vector>

#include "os/file_descriptor.hpp"
#include "process/family.hpp"
#include "support/family.hpp"
#include "support/in_child.hpp"

namespace plait::detail {
namespace {

SharedResource deposit_one() {
  std::vector<os::FileDescriptor> descriptors;
  descriptors.push_back(os::make_pipe().reader);
  return deposit(std::move(descriptors));
}

// The fork server is taken by fork() before the sharer has its thread, and fork() waits for the sharer's mutex. In a
// forked process, which has no thread but this one.
TEST(ResourceSharer, TakesANewForkServerWhenItBeginsAgain) {
  EXPECT_TRUE(tests::holds_in_child([] {
    const std::vector<tests::FamilyMember> parents = tests::family();
    withdraw(deposit_one().number);
    for (const tests::FamilyMember& member : tests::family()) {
      if (std::ranges::find(parents, member) == parents.end()) ::kill(member.pid, SIGKILL);
    }
    if (process::Family::start_tracker_by_server()) return false;  // notices that there is no server
    return fetch(deposit_one(), 1).size() == 1;
  }));
}

}  // namespace
}  // namespace plait::detail
