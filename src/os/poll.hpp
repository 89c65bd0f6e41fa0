// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting for any of some descriptors, once. (Epoll is for those that are waited for again and again.)

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

namespace plait::os {

struct Watched {
  int fd = -1;                 // less than 0: passed over
  bool for_reading = true;     // else for the end of the other side only
  bool ready = false;          // can be read, or its other end is gone, or it is no descriptor
  bool hung_up = false;        // its other end is gone
  bool no_descriptor = false;  // nothing is open under that number
};

// Waits until at least one is ready, or until the deadline; returns how many are. A deadline in the past just looks.
// Signals don't end it. Throws std::system_error: EINVAL (more than this process may have), ENOMEM; std::bad_alloc.
std::size_t wait_for_any(std::span<Watched> watched, std::optional<std::chrono::steady_clock::time_point> deadline);

// Whether the other end of this socket or pipe is gone, now.
[[nodiscard]] bool has_hung_up(int fd) noexcept;

}  // namespace plait::os
