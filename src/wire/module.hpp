// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The modules of this process (the program and its shared libraries) under numbers that are the same in every process
// that runs the same files: a hash of the file's name and its build id.

#include <cstdint>
#include <string>
#include <vector>

namespace plait::wire {

struct Module {
  struct Range {
    std::uintptr_t begin, end;
  };

  std::uint64_t id = 0;
  std::uintptr_t base = 0;
  std::vector<Range> code;    // its executable segments
  std::string path;           // of its file
  bool loaded_later = false;  // than plait itself, so another process of this program may not have it

  [[nodiscard]] bool has_code(std::uintptr_t address) const noexcept {
    for (const Range& range : code) {
      if (address >= range.begin && address < range.end) return true;
    }
    return false;
  }
};

// The module whose code contains the address, or nullptr. What is returned stays valid for ever, though the
// module may be unloaded.
const Module* find_module(std::uintptr_t address);

// The module of that number, or nullptr.
const Module* find_module_by_id(std::uint64_t id);

}  // namespace plait::wire
