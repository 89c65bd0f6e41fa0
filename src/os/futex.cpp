// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace plait::os {
namespace {

using std::chrono::steady_clock;

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel compares the bare word");

int operation(int command, Scope scope) noexcept {
  return scope == Scope::private_ ? command | FUTEX_PRIVATE_FLAG : command;
}

// steady_clock is CLOCK_MONOTONIC, the clock of FUTEX_WAIT_BITSET.
timespec to_timespec(steady_clock::time_point time) noexcept {
  const auto since_boot = std::max(time.time_since_epoch(), steady_clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((since_boot - seconds).count())};
}

}  // namespace

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::optional<steady_clock::time_point> deadline, Scope scope) noexcept {
  timespec until{};
  if (deadline) until = to_timespec(*deadline);
  const long result = syscall(SYS_futex, &word, operation(FUTEX_WAIT_BITSET, scope), expected,
                              deadline ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 || errno != ETIMEDOUT;
}

bool futex_wait_any(std::span<const FutexWord> words, std::optional<steady_clock::time_point> deadline) noexcept {
  std::array<futex_waitv, most_futex_words> waited;  // only what is used is written
  for (std::size_t i = 0; i < words.size(); ++i) {
    waited[i] = {.val = words[i].expected,
                 .uaddr = reinterpret_cast<std::uintptr_t>(words[i].word),
                 .flags = FUTEX_32 | (words[i].scope == Scope::private_ ? unsigned{FUTEX_PRIVATE_FLAG} : 0U),
                 .__reserved = 0};
  }
  timespec until{};
  if (deadline) until = to_timespec(*deadline);
  if (syscall(SYS_futex_waitv, waited.data(), words.size(), 0, deadline ? &until : nullptr, CLOCK_MONOTONIC) >= 0) {
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) return true;
  if (errno == ETIMEDOUT) return false;
  // The kernel does not have it, or a filter refuses it.
  const auto next_look = steady_clock::now() + std::chrono::milliseconds(50);
  const FutexWord& first = words.front();
  if (deadline && *deadline <= next_look) return futex_wait(*first.word, first.expected, deadline, first.scope);
  futex_wait(*first.word, first.expected, next_look, first.scope);
  return true;
}

int futex_wake(const std::atomic<std::uint32_t>& word, int count, Scope scope) noexcept {
  const long woken = syscall(SYS_futex, &word, operation(FUTEX_WAKE, scope), count, nullptr, nullptr, 0);
  return woken < 0 ? 0 : static_cast<int>(woken);
}

}  // namespace plait::os
