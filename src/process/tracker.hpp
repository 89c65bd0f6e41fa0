// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The tracker: a process that sleeps until the family is gone, and then unlinks the shared memory whose names were
// noted (tracked_names) and are left, with a warning. Python's resource tracker. docs/design/shared-memory.md.
//
// Invariants: the shared heap's open file, which all processes of the family have open or mapped, has a shared lock
// from before the first name is noted; so who gets that lock exclusively, by another open file, knows that all are
// dead. A second lock is held by the tracker, exclusively; so there is one at a time, and everybody can see whether
// there is.

#include "os/named_memory.hpp"

namespace plait::process {

// Makes sure that there is a tracker, and notes the name: from here on the file's name goes when the family has gone.
// Thread-safe. Throws std::system_error (EAGAIN, EMFILE, …: no tracker), OutOfSharedMemory, RuntimeError (in a process
// that was started anew and has not come to plait::init); then nothing is noted.
void track_name(const std::string& name, os::FileIdentity file);

// As a copy of this process, which is smallest in the fork server. Returns when there is one, that or another. Throws
// as track_name().
void start_tracker();

// In the fork server, when its host is gone: if the tracker has been killed, takes its place and never returns.
// Otherwise returns.
void stand_in_for_tracker() noexcept;

}  // namespace plait::process
