// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting for several descriptors at once, without a limit on their number.

#include <cstdint>
#include <optional>
#include <span>

#include "os/file_descriptor.hpp"

namespace plait::os {

// add() and remove() may be called while another thread waits.
class Epoll {
 public:
  // Throws std::system_error (EMFILE, ENFILE).
  Epoll();

  enum class Direction : std::uint8_t { readable, writable };
  // From now on wait() gives `key` when `fd` is ready or its other end is gone. Throws std::system_error (ENOMEM,
  // ENOSPC).
  void add(int fd, std::uint64_t key, Direction direction = Direction::readable);
  // `fd` must still be open. No effect if it was not added.
  void remove(int fd) noexcept;

  // Waits until something is ready, a signal came, or the time is over; returns the keys, in `keys`. -1: without limit.
  std::span<std::uint64_t> wait(std::span<std::uint64_t> keys, int milliseconds = -1) noexcept;

  // Gives up the descriptor. For an Epoll that was inherited by fork: it would act on that of the parent.
  void close() noexcept { fd_.reset(); }

 private:
  FileDescriptor fd_;
};

// Waits until `fd` is readable or its other end is gone; false: not within `milliseconds`.
bool wait_readable(int fd, int milliseconds) noexcept;

}  // namespace plait::os
