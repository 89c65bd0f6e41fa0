// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Children that are the program started anew (spawn, and a fork server that has to be replaced). What they are to do
// stands in the environment variable PLAIT_CHILD, which plait::init reads, removes and obeys.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "os/process.hpp"
#include "process/entry_point.hpp"

namespace plait::process {

// The arguments of main, kept by plait::init; nullptr before. Their copy is never freed.
void remember_arguments(int argc, char** argv);
[[nodiscard]] char* const* program_arguments() noexcept;

// Whether this process was started anew and has not obeyed yet: it must not start others, or they would never end.
[[nodiscard]] bool has_orders() noexcept;

// Does what PLAIT_CHILD says, and never returns; returns at once if there is no such variable.
void obey_orders() noexcept;

struct WorkerOrders {
  int lifeline;
  int permit;
  std::uint32_t owner;
  pid_t host;
  std::uint64_t argument;
  EntryPoint entry;
};
std::unique_ptr<os::FreshImage> prepare_worker(const WorkerOrders& orders);

struct ServerOrders {
  int lifeline;
  int requests;
  int exits;
  std::uint32_t owner;
};
std::unique_ptr<os::FreshImage> prepare_server(const ServerOrders& orders);

}  // namespace plait::process
