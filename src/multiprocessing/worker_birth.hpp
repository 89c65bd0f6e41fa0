// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a pool tells each of its workers first: who it is, whose, and what a child inherits.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plait/detail/pool_kind.hpp"

namespace plait::detail {

// Gives the encoded call for the worker of that number of the shared heap. A worker of a Pool is daemonic, and called
// as in Python: ForkServerPoolWorker-3; one of an executor is Worker-OWNER. `start_method`: that of the pool.
std::function<std::vector<std::byte>(std::uint32_t owner)> worker_birth(PoolKind kind, const std::string& start_method);

// The encoded call that such a worker ends with.
std::vector<std::byte> worker_farewell();

}  // namespace plait::detail
