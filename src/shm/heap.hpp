// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The shared heap: one sparse memfd, reserved large, mapped at the same address in every process of the
// family, so that a pointer into it means the same everywhere and a handle is an offset.
// Design, invariants and the proof of the free path: docs/design/shared-heap.md.

#include <cstddef>
#include <cstdint>
#include <new>

#include "plait/errors.hpp"

namespace plait::shm {

// A place in the shared heap, in bytes from its base. 0 is never a block.
using Offset = std::uint64_t;

// Identifies a process of the family to the heap: blocks that it allocated can be reclaimed after its death.
// 1 is the program itself (the root); the root hands out the others, and never twice.
using OwnerId = std::uint32_t;

class Heap {
 public:
  // The family's heap, created at first use. Throws std::system_error if the kernel refuses the memfd or mapping.
  static Heap& get();

  // The block of `size` bytes (size 0 gives a valid, distinct block), aligned to 64 bytes. Pages are reserved
  // before they are handed out: throws OutOfSharedMemory, never raises SIGBUS. Thread-safe.
  void* allocate(std::size_t size);

  // Gives back a block, whichever process of the family allocated it. Thread-safe, never blocks on another
  // process, safe if either process is killed at any instruction. nullptr is ignored.
  void deallocate(void* block) noexcept;

  [[nodiscard]] Offset offset_of(const void* pointer) const noexcept;
  [[nodiscard]] void* at(Offset offset) const noexcept;

  // Whether [offset, offset + size) lies within one live block; the check for offsets that a worker wrote.
  [[nodiscard]] bool contains_block(Offset offset, std::size_t size) const noexcept;

  // A number for a process about to be started. Root only.
  OwnerId new_owner();

  // Called once in a new process of the family before any other use: allocations are booked on `self` from here on.
  void enter_child(OwnerId self) noexcept;

  // After `dead` has died: everything it had allocated and not handed over is freed. Blocks that the caller still
  // wants must be `adopt`ed first (the root then owns them).
  void adopt(void* block) noexcept;
  void reclaim(OwnerId dead) noexcept;

  // Returns cached free pages to the system.
  void trim() noexcept;

  // Bytes of live blocks, and bytes of memory that the heap holds; for tests and stats.
  [[nodiscard]] std::size_t bytes_in_use() const noexcept;
  [[nodiscard]] std::size_t bytes_committed() const noexcept;

  // What a spawned image needs to map the same heap: descriptor, base address and size.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] void* base() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  // In a spawned image, instead of get()'s creation: maps the inherited heap at `base`.
  static void attach(int fd, void* base, std::size_t size, OwnerId self);
};

}  // namespace plait::shm
