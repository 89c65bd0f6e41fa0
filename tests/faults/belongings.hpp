// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What this program and its family of processes have at a moment, for rows whose faults must not pile anything up.
// (What a whole test leaves behind, names included, is found by tests/support/leak_check.hpp; this tells within a test,
// and of memory.)

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <ostream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "scene.hpp"
#include "shm/heap.hpp"
#include "support/family.hpp"

namespace plait::faults {

inline std::size_t entries_of(const char* folder) {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) ++count;
  return count;
}

inline std::size_t open_descriptors() { return entries_of("/proc/self/fd") - 1; }  // but the listing's own

inline std::size_t anonymous_memory_of(const std::string& process) {
  std::istringstream status(tests::read_file("/proc/" + process + "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8)) * KiB;
  }
  return 0;
}

// Memory of this program and its family: their own, and the shared heap once.
inline std::size_t memory_of_family() {
  std::size_t sum = shm::Heap::get().bytes_committed() + anonymous_memory_of("self");
  for (const tests::FamilyMember& member : tests::family()) sum += anonymous_memory_of(std::to_string(member.pid));
  return sum;
}

struct Belongings {
  std::size_t processes = tests::family().size();
  std::size_t threads = entries_of("/proc/self/task");
  std::size_t descriptors = open_descriptors();
  std::size_t mappings = mappings_now();
  std::size_t memory = memory_of_family();

  // Whether there is no more of anything than there was; of memory and mappings only little.
  [[nodiscard]] bool within(const Belongings& before) const {
    return processes <= before.processes && threads <= before.threads && descriptors <= before.descriptors &&
           mappings <= before.mappings + spare_mappings && memory <= before.memory + spare_memory;
  }

  friend std::ostream& operator<<(std::ostream& out, const Belongings& all) {
    return out << all.processes << " processes, " << all.threads << " threads, " << all.descriptors << " descriptors, "
               << all.mappings << " mappings, " << all.memory / KiB << " KiB";
  }

 private:
  // What the C library's arenas may differ by from one moment to the next; a sanitizer keeps what was freed for a
  // while.
  static constexpr std::size_t spare_mappings = 16, spare_memory = sanitized ? GiB : 4 * MiB;

  static std::size_t mappings_now() {
    const std::string maps = tests::read_file("/proc/self/maps");
    return static_cast<std::size_t>(std::ranges::count(maps, '\n'));
  }
};

// All that was added since is gone within T.
inline void expect_no_more_than(const Belongings& before) {
  const auto due = std::chrono::steady_clock::now() + T;
  for (;;) {
    const Belongings now;
    if (now.within(before)) return;
    if (std::chrono::steady_clock::now() > due) {
      ADD_FAILURE() << "before: " << before << "\nnow:    " << now;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace plait::faults
