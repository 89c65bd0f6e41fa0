// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Where a child begins, in a form that survives other load addresses: the file it is in and the offset there.

#include <cstdint>
#include <string>

#include "process/process.hpp"

namespace plait::process {

using EntryFunction = void (*)(std::uint64_t argument);

struct EntryPoint {
  std::string module;  // path of the shared library; empty: the program itself
  std::uint64_t offset = 0;

  friend bool operator==(const EntryPoint&, const EntryPoint&) = default;
};

// Throws RuntimeError: the function is in no file (made at run time).
EntryPoint locate(EntryFunction function);

// The function in this process; loads the library if need be. Throws RuntimeError: it cannot be loaded.
EntryFunction resolve(const EntryPoint& entry);

}  // namespace plait::process
