// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Telling, in a child made by fork, what was made before it from what was made in it.

#include <atomic>
#include <cstdint>

namespace plait::os {
namespace detail {

extern std::atomic<std::uint64_t> fork_count;

}  // namespace detail

// How many forks lie between the program's first process and this one. An object that keeps the number it was made
// under is inherited, and so not this process's own, where the number is another. Counts fork() (whoever calls it),
// not vfork and bare clone. Cheap: one load. Already counted in the handlers of a child (fork_handlers.hpp).
[[nodiscard]] inline std::uint64_t fork_generation() noexcept {
  return detail::fork_count.load(std::memory_order_relaxed);
}

}  // namespace plait::os
