// SPDX-License-Identifier: Apache-2.0
#include "os/epoll.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <string>

#include "os/error.hpp"

namespace plait::os {

Epoll::Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_) throw_system_error("epoll_create1");
  fd_ = above_standard_streams(std::move(fd_));
}

void Epoll::add(int fd, std::uint64_t key, Direction direction) {
  epoll_event event{};
  event.events = direction == Direction::readable ? EPOLLIN : EPOLLOUT;
  event.data.u64 = key;
  if (epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw_system_error("epoll_ctl", "descriptor " + std::to_string(fd));
  }
}

void Epoll::remove(int fd) noexcept { epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::span<std::uint64_t> Epoll::wait(std::span<std::uint64_t> keys, int milliseconds) noexcept {
  std::array<epoll_event, 32> events;
  const auto most = static_cast<int>(std::min(events.size(), keys.size()));
  const int ready = epoll_wait(fd_.get(), events.data(), most, milliseconds);
  const auto count = static_cast<std::size_t>(std::max(ready, 0));
  for (std::size_t i = 0; i < count; ++i) keys[i] = events[i].data.u64;
  return keys.first(count);
}

bool wait_readable(int fd, int milliseconds) noexcept {
  pollfd wanted{fd, POLLIN, 0};
  return retry_interrupted([&]() noexcept { return poll(&wanted, 1, milliseconds); }) > 0;
}

}  // namespace plait::os
