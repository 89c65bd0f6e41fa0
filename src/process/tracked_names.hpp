// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The names of shared memory that the family answers for: a list in the shared heap, so that every process of the
// family can add to it and none has to live for it to be known. docs/design/shared-memory.md.
//
// Invariants: a file is in the list from before it has its name; an entry counts for the file that it names, not for
// another of the same name. Pages of the list are never freed. An entry that its process was killed in the middle of
// stays claimed.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "os/named_memory.hpp"
#include "shm/heap.hpp"

namespace plait::process {

struct NameEntry {
  enum Phase : std::uint64_t { free = 0, claimed = 1, noted = 2 };
  static constexpr std::uint64_t phase_mask = 3;
  static constexpr std::uint64_t next_generation = 4;

  // A phase, and above it how often the entry was used: so that forgetting one use of it cannot hit the next.
  std::atomic<std::uint64_t> state;
  std::atomic<std::uint64_t> device;
  std::atomic<std::uint64_t> inode;
  std::array<char, os::longest_memory_name + 1> name;  // written by the claimer, read when all others are dead
};

struct NamePage {
  std::array<NameEntry, 32> entries;
  std::atomic<shm::Offset> next;
};

// Notes the file. `name` fits. Thread-safe, as are all here; never waits. Throws OutOfSharedMemory; RuntimeError
// (the table was overwritten); as shm::Heap::get().
void note_name(const std::string& name, os::FileIdentity file);
// If it is noted. Takes time in proportion to the names that were ever noted at once, as note_name does.
void forget_name(os::FileIdentity file) noexcept;

// Calls visit(name, identity) for each noted name; `name` ends with a zero. For when all others are dead: `at` says
// where the heap of `size` bytes is mapped, whose list begins at `first`. Safe in signal handlers if `visit` is.
template <class Visit>
void for_each_noted_name(std::byte* heap, std::size_t size, shm::Offset first, Visit visit) noexcept {
  std::size_t pages_left = size / sizeof(NamePage);  // lest a list that somebody has overwritten is endless
  for (shm::Offset at = first; at != 0 && at <= size - sizeof(NamePage) && at % 64 == 0 && pages_left != 0;
       --pages_left) {
    auto& page = *reinterpret_cast<NamePage*>(heap + at);
    for (NameEntry& entry : page.entries) {
      // acquire: pairs with the release in note_name()
      if ((entry.state.load(std::memory_order_acquire) & NameEntry::phase_mask) != NameEntry::noted) continue;
      entry.name.back() = '\0';
      visit(entry.name.data(), os::FileIdentity{entry.device.load(std::memory_order_relaxed),
                                                entry.inode.load(std::memory_order_relaxed)});
    }
    at = page.next.load(std::memory_order_acquire);
  }
}

}  // namespace plait::process
