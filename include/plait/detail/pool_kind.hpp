// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Whose pool it is: concurrent.futures' executors and multiprocessing's Pools stand on the same pools, and differ in
// how they end.

#include <cstdint>

namespace plait::detail {

enum class PoolKind : std::uint8_t {
  executor,  // closed, it refuses tasks with RuntimeError; the end of the program waits for what it has taken
  pool,      // closed, it refuses tasks with ValueError; the end of the program terminates it
};

}  // namespace plait::detail
