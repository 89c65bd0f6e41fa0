// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting for one descriptor as long as an Until says.

#include <array>
#include <optional>

#include "multiprocessing/connection/stop_event.hpp"
#include "os/poll.hpp"
#include "plait/until.hpp"

namespace plait::detail {

inline std::optional<Deadline::Clock::time_point> time_of(const Deadline& deadline) noexcept {
  return deadline.is_never() ? std::nullopt : std::optional(deadline.time());
}

// What became of it; not ready: the time has come, or the stop. Throws std::system_error.
inline os::Watched wait_readable(int fd, const Until& until) {
  const StopEvent stop(until.stop());
  std::array<os::Watched, 2> watched{os::Watched{.fd = fd}, os::Watched{.fd = stop.fd()}};
  os::wait_for_any(watched, time_of(until.deadline()));
  return watched[0];
}

}  // namespace plait::detail
