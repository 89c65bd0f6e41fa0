// SPDX-License-Identifier: Apache-2.0
#include "os/poll.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <vector>

#include "os/error.hpp"

namespace plait::os {
namespace {

using std::chrono::steady_clock;

timespec left_until(steady_clock::time_point deadline) noexcept {
  constexpr auto longest = std::chrono::hours(24);  // less than a timespec can hold; waits are repeated
  const auto left = deadline == steady_clock::time_point::min()
                        ? steady_clock::duration::zero()
                        : std::clamp<steady_clock::duration>(deadline - steady_clock::now(), {}, longest);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
}

// poll() with a steady deadline.
int poll_until(std::span<pollfd> polled, std::optional<steady_clock::time_point> deadline) noexcept {
  for (;;) {
    timespec left{};
    if (deadline) left = left_until(*deadline);
    const int ready = ppoll(polled.data(), polled.size(), deadline ? &left : nullptr, nullptr);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return ready;
    if (deadline && steady_clock::now() >= *deadline) return 0;
  }
}

}  // namespace

std::size_t wait_for_any(std::span<Watched> watched, std::optional<steady_clock::time_point> deadline) {
  std::array<pollfd, 4> few;
  std::vector<pollfd> many;
  std::span<pollfd> polled(few);
  if (watched.size() > few.size()) {
    many.resize(watched.size());
    polled = many;
  }
  polled = polled.first(watched.size());
  for (std::size_t i = 0; i < watched.size(); ++i) {
    polled[i] = {watched[i].fd, static_cast<short>(watched[i].for_reading ? POLLIN : 0), 0};
  }
  const int ready = poll_until(polled, deadline);
  if (ready < 0) throw_system_error("poll");
  for (std::size_t i = 0; i < watched.size(); ++i) {
    watched[i].ready = polled[i].revents != 0;
    watched[i].hung_up = (polled[i].revents & (POLLHUP | POLLERR)) != 0;
    watched[i].no_descriptor = (polled[i].revents & POLLNVAL) != 0;
  }
  return static_cast<std::size_t>(ready);
}

bool has_hung_up(int fd) noexcept {
  pollfd polled{fd, 0, 0};
  return retry_interrupted([&]() noexcept { return poll(&polled, 1, 0); }) > 0;
}

}  // namespace plait::os
