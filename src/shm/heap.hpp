// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The shared heap: one sparse memfd, reserved large, mapped at the same address in every process of the
// family, so that a pointer into it means the same everywhere and a handle is an offset.
// Design, invariants and the proof of the free path: docs/design/shared-heap.md.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iosfwd>

#include "plait/errors.hpp"

namespace plait::shm {

// A place in the shared heap, in bytes from its base. 0 is never a block.
using Offset = std::uint64_t;

// Identifies a process of the family to the heap: blocks that it allocated can be reclaimed after its death.
// 1 is the program itself (the root); new_owner() hands out the others, and never one twice.
using OwnerId = std::uint32_t;

class HeapArena;
struct HeapHeader;

// One for each family of processes. Every member function is thread-safe, and none ever waits for another process.
//
// A process that was forked behind our back (the host's own fork()) is not of the family: there deallocate() and the
// like do nothing, so that its copies of handles harm nobody, and its first allocate() founds a family of its own.
class Heap {
 public:
  static constexpr OwnerId root = 1;

  // The family's heap, created at first use. Throws std::system_error if the kernel refuses the memfd or the mapping,
  // even of least_size (RLIMIT_AS, RLIMIT_FSIZE). It is never destroyed; with the last process its memory is gone.
  static Heap& get();
  // The same if it was created, be it by the family which this process was forked from; else nullptr.
  static Heap* existing() noexcept;

  // A heap of at most `size` bytes of address space, of which this process is the root. What cannot be reserved is
  // halved, down to least_size. Throws as get(). Only tests make their own.
  explicit Heap(std::size_t size);
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  static constexpr std::size_t least_size = std::size_t{256} << 20;

  // A block of `size` bytes (size 0 gives a valid, distinct block), aligned to 64 bytes, its content unspecified.
  // Pages are reserved before they are handed out: throws OutOfSharedMemory, never raises SIGBUS.
  void* allocate(std::size_t size);

  // Gives back a block, whichever process of the family allocated it. Safe if either process is killed at any
  // instruction. Ignores nullptr, and what is no live block, so far as the heap can tell.
  void deallocate(void* block) noexcept;

  [[nodiscard]] Offset offset_of(const void* pointer) const noexcept;
  [[nodiscard]] void* at(Offset offset) const noexcept;

  // Whether [offset, offset + size) lies within one live block; the check for offsets that a worker wrote. A block
  // ends where its size class does, or its last page. With an `owner`: a block that belongs to it, so that a worker
  // gone wild cannot name the block of another.
  [[nodiscard]] bool contains_block(Offset offset, std::size_t size, OwnerId owner = 0) const noexcept;

  // A number for a process about to be started.
  OwnerId new_owner();
  // The number of this process. One that the host forked gets a family, and so a number, of its own.
  [[nodiscard]] OwnerId self();

  // Whether the host forked this process, and it has founded no family yet.
  [[nodiscard]] bool is_orphan() const noexcept;

  // Called once in a new process of the family before any other use, but in one that attached it as `self`: allocations
  // are booked on `self` from here on.
  void enter_child(OwnerId self) noexcept;

  // The caller's process becomes owner of a block that another process allocated and handed over: it outlives that
  // process. Cheap: one atomic operation.
  void adopt(void* block) noexcept;
  // The block is the family's from here on: it outlives every process but the last, until somebody frees it.
  void share(void* block) noexcept;
  // A block that `owner` had allocated, and that was shared, is its own again; for who clears up after its death.
  void unshare(void* block, OwnerId owner) noexcept;
  // After `dead` has died: everything that it had allocated and nobody adopted is freed, and what it had left half
  // done is finished. Takes time in proportion to the heap that was ever used (1 ns for 1 MiB).
  void reclaim(OwnerId dead) noexcept;

  // Returns free pages to the system: all of free chunks (of which else up to 512 MiB are kept for the next), and
  // those of chunks of small blocks of this process in which none is live.
  void trim() noexcept;

  // Bytes of live blocks as they were rounded up, and bytes of memory that the heap holds; for tests and stats. Of
  // another live process blocks count that it has only set aside for its next allocations.
  [[nodiscard]] std::size_t bytes_in_use() const noexcept;
  [[nodiscard]] std::size_t bytes_committed() const noexcept;

  // For the tables of the layer.
  [[nodiscard]] HeapHeader& header() const noexcept;

  // What a spawned image needs to map the same heap: descriptor, base address and size.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] void* base() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  // In a spawned image, instead of get()'s creation: maps the inherited heap at `base`.
  // Throws std::system_error if it cannot be mapped there, RuntimeError if this process has a heap already.
  static void attach(int fd, void* base, std::size_t size, OwnerId self);

  // The environment variable that tells a spawned image where the heap is and which number it has; more may follow. The
  // get() that comes first there attaches it: that of plait::init, or of a static object before it.
  static constexpr const char* inheritance = "PLAIT_CHILD";
  void bequeath(std::ostream& orders, OwnerId self) const;

 private:
  // False: there is no such variable. Throws as attach(); RuntimeError: it says something else.
  static bool attach_inherited();
  explicit Heap(HeapArena* arena) noexcept;
  [[nodiscard]] HeapArena& arena() const noexcept;
  [[nodiscard]] HeapArena& own_arena();

  std::atomic<HeapArena*> arena_;  // changes only when an orphan of a fork founds its own family
};

}  // namespace plait::shm
