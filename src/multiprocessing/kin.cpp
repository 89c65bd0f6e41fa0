// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "multiprocessing/process_registry.hpp"
#include "os/epoll.hpp"

namespace plait::multiprocessing {

bool ParentProcess::is_alive() const noexcept { return !os::wait_readable(lifeline_, 0); }

void ParentProcess::join(Deadline deadline) const noexcept {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(
        std::min<Deadline::Clock::duration>(deadline.remaining(), std::chrono::hours(1)));
    if (os::wait_readable(lifeline_, static_cast<int>(left.count())) || deadline.expired()) return;
  }
}

std::optional<ParentProcess> parent_process() {
  detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  static_cast<void>(registry.current());  // who finds out whose child it is
  return registry.parent;
}

Process current_process() {
  detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  return detail::ProcessAccess::handle_of(registry.current_shared());
}

std::vector<Process> active_children() {
  detail::ProcessRegistry& registry = detail::ProcessRegistry::get();
  detail::ProcessRegistry::Forgotten forgotten;
  std::vector<Process> alive;
  const std::scoped_lock lock(registry.mutex);
  forgotten = registry.forget_ended();
  for (const auto& child : registry.children) {
    if (child->is_running() && !child->has_died()) alive.push_back(detail::ProcessAccess::handle_of(child));
  }
  return alive;
}

}  // namespace plait::multiprocessing
