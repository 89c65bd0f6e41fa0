// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The processes of a family, each from before it is started until what it left has been put in order, and who watches
// it: so that of a process that died the children are watched by somebody else, whatever these hold of shared objects.
//
//   announce ──▶ announced ──begin──▶ alive ──(its end)──▶ remove
//                    └──adopt_child──▶ refused: never begins
//
// Invariants
//   watched   who watches a process lives, or has died and is itself in the table
//   in order  what a process left is put in order when it is dead, or was refused before it touched anything
//   last      a process is removed after its children are dead and what it had of shared objects is in order
// Model: tests/model/process_table.pml.

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "os/pidfd.hpp"
#include "shm/heap.hpp"

namespace plait::shm {

// The table is there from now on; else the first announce_process() makes it. Throws OutOfSharedMemory.
void make_process_table();

// `process` is about to be started, and `watcher` will see its end. Throws OutOfSharedMemory.
void announce_process(OwnerId process, OwnerId watcher);

// By the process itself, before it touches anything that others share. False: who started it has died, and it must end.
[[nodiscard]] bool begin_process(OwnerId self) noexcept;

struct Orphan {
  OwnerId process;
  pid_t pid;            // 0: it never begins
  os::SinceBoot begun;  // when it had this pid
};
// After `dead` has died: a child of it is watched by `watcher`, another process, from here on; nothing: there is none
// any more.
std::optional<Orphan> adopt_child(OwnerId dead, OwnerId watcher) noexcept;

// It is dead, and nothing is left to be done.
void remove_process(OwnerId process) noexcept;

}  // namespace plait::shm
