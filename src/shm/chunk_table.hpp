// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The lower half of the shared heap: address space in chunks of 1 MiB, and who has which. One word a chunk in shared
// memory tells everything, every step is one atomic operation on it, and every word but `free` and `tail` names its
// process: so what a dead process left half done is found and finished by `reclaim`.
//
//   free ──claim──▶ claimed ──▶ small ────────────────────▶ free       blocks of one size class (heap_arena.hpp)
//                      │
//                      └──▶ large ──▶ closing ──────────▶ free       a run: its head as shown, the rest `tail`
//
// A free chunk remembers how many of its pages are reserved, and is preferred to one without.
// docs/design/shared-heap.md has the invariants and the proof.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/heap.hpp"
#include "shm/size_class.hpp"

namespace plait::shm {

inline constexpr std::size_t page_size = 4096;
inline constexpr std::uint32_t pages_per_chunk = chunk_size / page_size;
inline constexpr std::uint32_t no_chunk = 0xFFFFFFFFU;

// The word of a chunk, taken apart.
class ChunkWord {
 public:
  enum class Kind : std::uint8_t { free, claimed, small, large, tail, closing };

  constexpr ChunkWord() noexcept = default;
  explicit constexpr ChunkWord(std::uint64_t bits) noexcept : bits_(bits) {}

  // `pages`: how many of its pages, from the first, are reserved.
  static constexpr ChunkWord free(std::uint32_t pages) noexcept { return make(Kind::free, pages); }
  static constexpr ChunkWord claimed(OwnerId owner, std::uint32_t pages) noexcept {
    return make(Kind::claimed, owner, pages);
  }
  static constexpr ChunkWord small(OwnerId owner, SizeClass size_class) noexcept {
    return make(Kind::small, owner, size_class);
  }
  // `pages`: of the whole run.
  static constexpr ChunkWord large(OwnerId owner, std::uint64_t pages) noexcept {
    return make(Kind::large, owner, pages - 1);
  }
  // A run that its owner is freeing.
  static constexpr ChunkWord closing(OwnerId owner, std::uint64_t pages) noexcept {
    return make(Kind::closing, owner, pages - 1);
  }
  static constexpr ChunkWord tail(std::uint32_t head) noexcept { return make(Kind::tail, head); }

  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  [[nodiscard]] constexpr Kind kind() const noexcept { return static_cast<Kind>(bits_ & 7); }
  [[nodiscard]] constexpr bool is(Kind kind) const noexcept { return this->kind() == kind; }
  [[nodiscard]] constexpr OwnerId owner() const noexcept { return first(); }       // claimed, small, large, closing
  [[nodiscard]] constexpr std::uint32_t head() const noexcept { return first(); }  // tail
  [[nodiscard]] constexpr std::uint32_t free_pages() const noexcept { return first(); }  // free
  [[nodiscard]] constexpr SizeClass size_class() const noexcept {
    return static_cast<SizeClass>(bits_ >> 35);
  }  // small
  [[nodiscard]] constexpr std::uint32_t claimed_pages() const noexcept {
    return static_cast<std::uint32_t>(bits_ >> 35);
  }
  [[nodiscard]] constexpr std::uint64_t run_pages() const noexcept { return (bits_ >> 35) + 1; }  // large, closing
  [[nodiscard]] constexpr std::uint32_t run_chunks() const noexcept {
    return static_cast<std::uint32_t>((run_pages() + pages_per_chunk - 1) / pages_per_chunk);
  }
  // Of a chunk of a run: the head is number 0.
  [[nodiscard]] constexpr std::uint32_t pages_in(std::uint32_t number) const noexcept {
    const std::uint64_t rest = run_pages() - std::uint64_t{number} * pages_per_chunk;
    return rest < pages_per_chunk ? static_cast<std::uint32_t>(rest) : pages_per_chunk;
  }
  friend constexpr bool operator==(ChunkWord, ChunkWord) noexcept = default;

 private:
  static constexpr ChunkWord make(Kind kind, std::uint32_t first, std::uint64_t second = 0) noexcept {
    return ChunkWord(static_cast<std::uint64_t>(kind) | std::uint64_t{first} << 3 | second << 35);
  }
  [[nodiscard]] constexpr std::uint32_t first() const noexcept { return static_cast<std::uint32_t>(bits_ >> 3); }

  std::uint64_t bits_ = 0;
};

// One chunk in the table. Shared memory; all zero is a free chunk without pages.
struct ChunkEntry {
  std::atomic<std::uint64_t> word;
  std::atomic<std::uint32_t> seems_full;  // small: no block is free, as far as the owner knows; frees reset it
  std::atomic<std::uint32_t> limit;       // small: the blocks below it have pages; written by the owner only

  // acquire: pairs with the releases of exchange() and set(), so that what the word speaks of is there
  [[nodiscard]] ChunkWord load() const noexcept { return ChunkWord(word.load(std::memory_order_acquire)); }
  void set(ChunkWord to) noexcept { word.store(to.bits(), std::memory_order_release); }
  // acq_rel: takes over what the last holder wrote, and hands on what this one did
  bool exchange(ChunkWord from, ChunkWord to) noexcept {
    std::uint64_t expected = from.bits();
    return word.compare_exchange_strong(expected, to.bits(), std::memory_order_acq_rel, std::memory_order_relaxed);
  }
};

// 64 blocks of a small chunk. A block is live while its bit is set: the only truth there is. A cache line of its own,
// so that who allocates and who frees a little behind him, on another core, do not contend for it.
struct alignas(64) BlockWord {
  std::atomic<std::uint64_t> live;
  std::atomic<std::uint64_t> adopted;  // outlives its owner; without meaning for blocks that are not live
  std::atomic<std::uint64_t> shared;   // outlives every owner; likewise
};
inline constexpr std::size_t words_per_chunk = chunk_size / block_alignment / 64;
inline constexpr std::size_t block_words_size = sizeof(BlockWord) * words_per_chunk;  // of a chunk; reserved as needed
static_assert(block_words_size % page_size == 0);

constexpr std::uint32_t words_of(std::uint32_t blocks) noexcept { return (blocks + 63) / 64; }

// The first page of the heap.
struct HeapHeader {
  std::atomic<std::uint32_t> next_owner;
  std::atomic<std::uint32_t> frontier;      // chunks that were ever claimed lie below it
  std::atomic<std::uint64_t> cached_pages;  // of free chunks; crashes make it drift, it is recounted when it seems high
  std::atomic<std::uint32_t>
      cursor;                     // where to look for a free run first; a hint. All processes have the same, so that
                                  // what one has just freed is what another fills next, and caches still know it
  std::atomic<Offset> objects;    // the table of shared objects (shared_object.hpp)
  std::atomic<Offset> processes;  // that of processes (process_table.hpp)
  std::atomic<Offset> tracked_names;  // process/tracked_names.hpp
  std::uint64_t family;               // a number by chance, by which it is known from others
};

// A process's view of the chunks. Thread-safe, and safe against the death of any process at any instruction.
class ChunkTable {
 public:
  // Free chunks keep their pages, for the next to claim them, up to this much in all.
  static constexpr std::uint64_t cached_pages_limit = (std::uint64_t{512} << 20) / page_size;

  // Of the heap in the mapping [base, base + size) of the file `fd`. `create`: the file is new.
  ChunkTable(int fd, std::byte* base, std::size_t size, bool create);

  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] HeapHeader& header() const noexcept { return *reinterpret_cast<HeapHeader*>(base_); }
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return chunk_count_; }
  // Bounded, whatever the shared memory says.
  [[nodiscard]] std::uint32_t frontier() const noexcept;

  [[nodiscard]] ChunkEntry& entry(std::uint32_t chunk) const noexcept { return entries_[chunk]; }
  [[nodiscard]] BlockWord* blocks(std::uint32_t chunk) const noexcept {
    return reinterpret_cast<BlockWord*>(base_ + block_words_ + std::size_t{chunk} * block_words_size);
  }
  [[nodiscard]] std::byte* memory(std::uint32_t chunk) const noexcept {
    return base_ + first_chunk_ + std::size_t{chunk} * chunk_size;
  }
  // The chunk with this byte of the heap, or no_chunk when it is in none that was ever claimed.
  [[nodiscard]] std::uint32_t chunk_of(Offset offset) const noexcept {
    const std::uint64_t chunk = (offset - first_chunk_) / chunk_size;  // wraps to something huge below the first
    return chunk < frontier() ? static_cast<std::uint32_t>(chunk) : no_chunk;
  }
  [[nodiscard]] std::size_t offset_in_chunk(Offset offset) const noexcept {
    return (offset - first_chunk_) % chunk_size;
  }
  // The head of the run that `chunk` is in, or no_chunk.
  [[nodiscard]] std::uint32_t head_of(std::uint32_t chunk) const noexcept;

  // Makes sure that the bytes [from, to) of `chunk` have pages; false: memory is exhausted.
  [[nodiscard]] bool reserve(std::uint32_t chunk, std::size_t from, std::size_t to) noexcept;

  // A chunk for small blocks: none live, its limit set to the blocks that have pages already. no_chunk: exhausted.
  [[nodiscard]] std::uint32_t claim_small(OwnerId self, SizeClass size_class) noexcept;
  // A run that holds `size` bytes, all with pages; its head. no_chunk: exhausted.
  [[nodiscard]] std::uint32_t claim_large(OwnerId self, std::size_t size) noexcept;

  // Frees a small chunk without live blocks, or what a dead process had claimed, unless its word is not `word` any
  // more.
  void free_chunk(std::uint32_t chunk, ChunkWord word, OwnerId self) noexcept;
  // Frees the run whose head has the word `word`, large or closing, unless it has not any more.
  void free_run(std::uint32_t head, ChunkWord word, OwnerId self) noexcept;

  // Returns the pages of all free chunks to the system.
  void trim(OwnerId self) noexcept;

 private:
  [[nodiscard]] bool raise_frontier(std::uint32_t to) noexcept;
  [[nodiscard]] std::uint32_t find_run(std::uint32_t from, std::uint32_t to, std::uint64_t pages,
                                       bool with_pages) const noexcept;
  [[nodiscard]] std::uint32_t find_run(std::uint64_t pages) noexcept;
  [[nodiscard]] bool claim_run(std::uint32_t head, std::uint32_t chunks, OwnerId self) noexcept;
  [[nodiscard]] std::uint32_t claim_pages(OwnerId self, std::uint64_t pages) noexcept;
  void give_back(std::uint32_t head, std::uint32_t chunks) noexcept;
  [[nodiscard]] bool may_keep(std::uint64_t pages) noexcept;
  [[nodiscard]] std::uint64_t count_cached_pages() const noexcept;
  void release(std::uint32_t chunk, std::uint32_t chunks) noexcept;
  [[nodiscard]] Offset offset_of_chunk(std::uint32_t chunk) const noexcept {
    return first_chunk_ + std::uint64_t{chunk} * chunk_size;
  }

  int fd_;
  std::byte* base_;
  std::size_t size_;
  std::uint32_t chunk_count_;
  ChunkEntry* entries_;
  Offset block_words_;
  Offset first_chunk_;
  std::atomic<std::uint32_t> entries_with_pages_{0};  // of the table itself; this process knows of no more
};

}  // namespace plait::shm
