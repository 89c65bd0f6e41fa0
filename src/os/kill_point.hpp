// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Places where a test may kill the process, to prove that its death there harms nobody else.
//
//   PLAIT_KILL_POINT("heap.run.claimed");   // between two steps that a crash could separate
//
// Normal builds compile them to nothing. With PLAIT_TEST_HOOKS defined each calls the hook that the test has set; the
// hook usually counts, and raises SIGKILL at the n-th. tests/unit/shm/kill_sweep_test.cpp sweeps over all of them.

#ifdef PLAIT_TEST_HOOKS

#include <atomic>

namespace plait::os {

using KillPointHook = void (*)(const char* name) noexcept;
inline std::atomic<KillPointHook> kill_point_hook{nullptr};

inline void kill_point(const char* name) noexcept {
  if (const KillPointHook hook = kill_point_hook.load(std::memory_order_relaxed)) hook(name);
}

}  // namespace plait::os

#define PLAIT_KILL_POINT(name) ::plait::os::kill_point(name)
#else
#define PLAIT_KILL_POINT(name) static_cast<void>(0)
#endif
