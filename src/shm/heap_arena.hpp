// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The upper half of the shared heap: small blocks. A process cuts them from chunks of its own, under a mutex in private
// memory (so nobody ever waits for the dead); everybody frees them, with one atomic operation and without a lock.
// A block is live while its bit in the chunk's block words is set. docs/design/shared-heap.md has the rest.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "shm/chunk_table.hpp"

namespace plait::shm {

// A process's part in the heap. Thread-safe. After a fork the child's copy belongs to nobody: self() is 0, until
// enter() makes it the arena of the child.
class HeapArena {
 public:
  // The heap in the mapping [base, base + size) of `fd`, which `self` enters; both are unmapped and closed with it.
  // `create`: the file is new. Throws std::system_error.
  HeapArena(int fd, std::byte* base, std::size_t size, bool create, OwnerId self);
  HeapArena(const HeapArena&) = delete;
  HeapArena& operator=(const HeapArena&) = delete;
  ~HeapArena();

  [[nodiscard]] const ChunkTable& chunks() const noexcept { return chunks_; }
  [[nodiscard]] ChunkTable& chunks() noexcept { return chunks_; }
  [[nodiscard]] OwnerId self() const noexcept { return self_->load(std::memory_order_relaxed); }  // set before threads

  void enter(OwnerId self) noexcept;
  // Keeps the arena of the family that this process was forked from: its memory may still be looked at.
  void keep(HeapArena* former) noexcept { former_.reset(former); }

  // nullptr: memory is exhausted.
  [[nodiscard]] std::byte* allocate(std::size_t size) noexcept;
  void deallocate(Offset offset) noexcept;
  void adopt(Offset offset) noexcept;
  void share(Offset offset) noexcept;
  void unshare(Offset offset, OwnerId owner) noexcept;
  void reclaim(OwnerId dead) noexcept;
  void trim() noexcept;

  // `owner` 0: whoever's.
  [[nodiscard]] bool contains(Offset offset, std::size_t size, OwnerId owner) const noexcept;
  [[nodiscard]] std::size_t bytes_in_use() const noexcept;

 private:
  // Where in a small chunk a block is.
  struct Place {
    std::uint32_t chunk;
    SizeClass size_class;
    OwnerId owner;
    std::uint32_t index;  // of the block
    std::size_t inside;   // bytes from its begin
    [[nodiscard]] std::uint64_t bit() const noexcept { return std::uint64_t{1} << (index % 64); }
    [[nodiscard]] std::uint32_t word() const noexcept { return index / 64; }
  };

  // The chunks of one size class: a ring through links_, at `current` the one that allocations try first. Blocks are
  // taken from it by whole words, so that an allocation seldom touches a line that others write when they free.
  struct alignas(64) Bin {
    std::mutex mutex;
    std::atomic<std::uint32_t> current{no_chunk};  // written under the mutex
    std::atomic<std::uint32_t> word{0};            // where in `current` to look first; a hint
    std::uint64_t held = 0;                        // blocks taken and not handed out yet: live in the shared word
    std::uint32_t held_word = 0;                   // their word, in `current`
  };
  struct Link {
    std::uint32_t next;
    std::uint32_t previous;
  };

  [[nodiscard]] bool find_small(Offset offset, Place& place) const noexcept;
  [[nodiscard]] std::byte* allocate_small(SizeClass size_class) noexcept;
  [[nodiscard]] std::byte* allocate_large(std::size_t size) noexcept;

  // Under the mutex of the bin:
  [[nodiscard]] std::byte* hand_out(Bin& bin, SizeClass size_class) noexcept;
  [[nodiscard]] bool refill(Bin& bin, SizeClass size_class) noexcept;
  [[nodiscard]] bool take_word(Bin& bin, std::uint32_t chunk, SizeClass size_class, std::uint32_t first) noexcept;
  [[nodiscard]] bool grow(std::uint32_t chunk, SizeClass size_class) noexcept;
  void return_held(Bin& bin) noexcept;
  [[nodiscard]] bool is_empty(std::uint32_t chunk, SizeClass size_class) const noexcept;
  void link(Bin& bin, std::uint32_t chunk) noexcept;
  void unlink(Bin& bin, std::uint32_t chunk) noexcept;
  // Returns how many chunks are left.
  std::uint32_t release_empty(Bin& bin, SizeClass size_class, bool current_too) noexcept;

  void release_if_empty(std::uint32_t chunk, SizeClass size_class) noexcept;
  void release_empty_of_others(const Bin& mine) noexcept;
  void give_large(Offset offset, OwnerId owner) noexcept;
  void reclaim_small(std::uint32_t chunk, ChunkWord word) noexcept;

  ChunkTable chunks_;
  // Private memory that a fork wipes: a lock that another thread held at the fork is gone with it.
  std::atomic<OwnerId>* self_;
  std::array<Bin, size_class_count>* bins_;
  Link* links_;
  std::atomic<std::uint32_t> claims_until_sweep_{0};  // of chunks, until empty ones of other classes are looked for
  std::size_t private_size_;
  std::unique_ptr<HeapArena> former_;
};

}  // namespace plait::shm
