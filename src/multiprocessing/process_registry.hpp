// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// This process among its kin: who it is, who started it, whom it has started.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "multiprocessing/process_state.hpp"
#include "plait/multiprocessing/log.hpp"
#include "plait/multiprocessing/process.hpp"

namespace plait::detail {

using LogHandlers = std::vector<multiprocessing::Logger::Handler>;

// One for the process. Never destroyed, since the supervisor's thread may use it to the end. A fork waits for the
// mutex, so a child finds all of it whole.
struct ProcessRegistry {
  static ProcessRegistry& get() noexcept;
  ProcessRegistry(const ProcessRegistry&) = delete;
  ProcessRegistry& operator=(const ProcessRegistry&) = delete;

  std::mutex mutex;
  // All that follows is guarded by it. It is never held while a process is started, nor while code of the user runs.

  // This process; made at first use. Throws std::system_error, std::bad_alloc.
  [[nodiscard]] ProcessState& current();
  [[nodiscard]] std::shared_ptr<ProcessState> current_shared();
  // In a child: who it is, and whose.
  void become(std::shared_ptr<ProcessState> self, multiprocessing::ParentProcess starter) noexcept;

  // Objects that were kept only until their processes had ended; to be destroyed after the mutex is given up.
  using Forgotten = std::vector<std::shared_ptr<multiprocessing::Process>>;
  [[nodiscard]] Forgotten forget_ended();
  void forget(const ProcessState& child) noexcept;

  std::vector<std::shared_ptr<ProcessState>> children;  // starting, running, or ended and not forgotten yet
  std::optional<multiprocessing::ParentProcess> parent;
  std::uint32_t next_number = 1;
  std::shared_ptr<const LogHandlers> log_handlers;

 private:
  ProcessRegistry() = default;
  static void after_fork_in_child() noexcept;
  void become_worker(const process::Origin& origin);

  std::shared_ptr<ProcessState> current_;
  std::vector<std::shared_ptr<ProcessState>> parents_children_;  // kept reachable, never looked at again
};

// From here on the end of this process ends its children: daemonic ones get SIGTERM, the others are joined.
void end_children_at_exit();

}  // namespace plait::detail
