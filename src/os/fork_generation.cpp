// SPDX-License-Identifier: Apache-2.0
#include "os/fork_generation.hpp"

#include <atomic>

#include "os/fork_handlers.hpp"

namespace plait::os {
namespace detail {

constinit std::atomic<std::uint64_t> fork_count{0};

}  // namespace detail

namespace {

// relaxed: the child that counts has one thread; those it creates later are ordered by their creation
void count_fork() noexcept { detail::fork_count.fetch_add(1, std::memory_order_relaxed); }

[[gnu::constructor(registers_innermost_locks)]] void register_handlers() {
  pthread_atfork(nullptr, nullptr, count_fork);
}

}  // namespace

}  // namespace plait::os
