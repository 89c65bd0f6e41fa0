// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Where the process of a Process begins.

#include <cstdint>

#include "multiprocessing/process_state.hpp"

namespace plait::detail {

// What a child by fork has of its maker: the very objects.
struct ForkedBirth {
  multiprocessing::Process* object;
  const Birth* birth;
  ProcessBlock* block;
};

// What every child inherits of this process, but for the names.
[[nodiscard]] Birth inheritance();

// In a child: it is that process from here on, and has what it inherits.
std::shared_ptr<ProcessState> become(const Birth& birth);
// The same for a child by fork, which has that already.
std::shared_ptr<ProcessState> take_identity(const Birth& birth);

// Entries for process::start(); they never return, but end the process. `argument`: the address of a ForkedBirth.
void forked_main(std::uint64_t argument);
// The place of a ProcessBlock in the shared heap.
void fresh_main(std::uint64_t argument);

}  // namespace plait::detail
