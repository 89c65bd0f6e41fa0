// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Processes that are killed at every step of what they do with shared objects. For programs with a plait that has kill
// points (src/os/kill_point.hpp).

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "os/kill_point.hpp"
#include "plait/multiprocessing/process.hpp"
#include "shared_objects.hpp"

namespace plait::faults {

// Of this process: how many kill points it still passes; less than 0: all.
inline std::atomic<long> points_to_pass{-1};

inline void pass_kill_point(const char*) noexcept {
  if (points_to_pass.load() < 0) return;
  if (points_to_pass.fetch_sub(1) == 0) ::kill(::getpid(), SIGKILL);
}

[[maybe_unused]] inline const bool hook_is_set = [] {
  os::kill_point_hook = &pass_kill_point;
  return true;
}();

// Runs `child` in processes of which the n-th is killed at its n-th point, calls `prepare` before and `check` after
// each, and ends with the first that comes to its end. Returns how many were killed.
template <class Prepare, class Child, class Check>
int sweep(Prepare prepare, Child child, Check check) {
  for (int deaths = 0;; ++deaths) {
    prepare();
    mp::Process process = mp::Process::forked([&child, deaths] {
      points_to_pass = deaths;
      child();
      points_to_pass = -1;
    });
    process.start();
    process.join();
    const bool died = process.exitcode() == -SIGKILL;
    if (!died) {
      EXPECT_EQ(process.exitcode(), 0);
    }
    check(died);
    if (!died || testing::Test::HasFailure()) return deaths;
  }
}

using SharedSweep = testing::Test;

}  // namespace plait::faults
