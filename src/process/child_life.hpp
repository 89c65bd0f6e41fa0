// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The life of a child of the family, from its first instruction to _exit, whatever way it was started.

#include <sys/types.h>

#include <cstdint>

#include "os/file_descriptor.hpp"
#include "process/entry_point.hpp"

namespace plait::process {

// What a child is born with. All is the child's own; nothing of the process that made it is needed any more.
struct Birth {
  os::FileDescriptor lifeline;  // reading end: the host's life
  os::FileDescriptor permit;    // reading end: one byte says that the host knows of this child; without it, no life
  pid_t host = 0;
  EntryFunction run = nullptr;
  std::uint64_t argument = 0;
};

// A child made by fork keeps none of the signal handling of its maker. Before live(), with all signals blocked.
void forget_signals() noexcept;

// Binds the child's life to the host's, waits for the permit, enters the shared heap as `owner`, runs the entry,
// flushes standard output, and leaves by _exit: with 0, or with 1 and a message if something was thrown. Without the
// permit it leaves before it has done anything. exit() in the child skips what the program had registered for its own
// exit.
[[noreturn]] void live(Birth birth, std::uint32_t owner) noexcept;

// What a spare child is told when it is needed.
struct Orders {
  EntryFunction run = nullptr;
  std::uint64_t argument = 0;
  std::uint32_t owner = 0;
  std::int32_t host = 0;
};

// A spare child: made before it is needed, it has done by then whatever needs no orders, so that it begins at once. It
// lives as told by the Orders that come in the pipe `orders`, under the name `name` from then on; without them it
// leaves before it has done anything.
[[noreturn]] void live_when_told(os::FileDescriptor lifeline, os::FileDescriptor orders, const char* name) noexcept;

// In a handler: says on standard error what was thrown.
void report_failure(const char* what_failed) noexcept;

}  // namespace plait::process
