// SPDX-License-Identifier: Apache-2.0
#include "shm/heap_arena.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "os/kill_point.hpp"
#include "os/shared_file.hpp"

namespace plait::shm {
namespace {

using Kind = ChunkWord::Kind;

// The bits of word `word` that stand for blocks below `limit`.
std::uint64_t mask_of(std::uint32_t word, std::uint32_t limit) noexcept {
  const std::uint32_t first = word * 64;
  if (limit >= first + 64) return ~std::uint64_t{0};
  return limit <= first ? 0 : (std::uint64_t{1} << (limit - first)) - 1;
}

// relaxed: its owner reads what it wrote itself; others only count with it
std::uint32_t limit_of(const ChunkEntry& entry, SizeClass size_class) noexcept {
  return std::min(entry.limit.load(std::memory_order_relaxed), block_geometry[size_class].count);
}

}  // namespace

HeapArena::HeapArena(int fd, std::byte* base, std::size_t size, bool create, OwnerId self)
    : chunks_(fd, base, size, create) {
  constexpr std::size_t bins_offset = 64;
  constexpr std::size_t links_offset = bins_offset + sizeof(std::array<Bin, size_class_count>);
  private_size_ = links_offset + chunks_.chunk_count() * sizeof(Link);
  auto* const memory = static_cast<std::byte*>(os::map_wiped_on_fork(private_size_));
  self_ = new (memory) std::atomic<OwnerId>(0);
  bins_ = reinterpret_cast<std::array<Bin, size_class_count>*>(memory + bins_offset);
  links_ = reinterpret_cast<Link*>(memory + links_offset);
  enter(self);
}

HeapArena::~HeapArena() {
  os::unmap(self_, private_size_);
  os::unmap(chunks_.base(), chunks_.size());
  os::close_shared_file(chunks_.fd());
}

void HeapArena::enter(OwnerId self) noexcept {
  bins_ = new (bins_) std::array<Bin, size_class_count>;
  self_->store(self, std::memory_order_relaxed);
}

bool HeapArena::find_small(Offset offset, Place& place) const noexcept {
  place.chunk = chunks_.chunk_of(offset);
  if (place.chunk == no_chunk) return false;
  const ChunkWord word = chunks_.entry(place.chunk).load();
  if (!word.is(Kind::small) || word.size_class() >= size_class_count) return false;
  place.size_class = word.size_class();
  place.owner = word.owner();
  const std::size_t in_chunk = chunks_.offset_in_chunk(offset);
  place.index = block_index_of(in_chunk, place.size_class);
  place.inside = in_chunk - std::size_t{place.index} * block_geometry[place.size_class].size;
  return place.index < block_geometry[place.size_class].count;
}

std::byte* HeapArena::allocate(std::size_t size) noexcept {
  const bool small = size <= largest_small_block;
  std::byte* block = small ? allocate_small(size_class_of(size)) : allocate_large(size);
  if (block == nullptr) {  // what we hold without need may be what is missing
    trim();
    block = small ? allocate_small(size_class_of(size)) : allocate_large(size);
  }
  return block;
}

std::byte* HeapArena::allocate_large(std::size_t size) noexcept {
  const std::uint32_t head = chunks_.claim_large(self(), size);
  return head == no_chunk ? nullptr : chunks_.memory(head);
}

std::byte* HeapArena::allocate_small(SizeClass size_class) noexcept {
  Bin& bin = (*bins_)[size_class];
  const std::scoped_lock lock(bin.mutex);
  if (bin.held != 0 || refill(bin, size_class)) return hand_out(bin, size_class);
  release_empty_of_others(bin);
  const std::uint32_t chunk = chunks_.claim_small(self(), size_class);
  if (chunk == no_chunk) return nullptr;
  link(bin, chunk);
  return refill(bin, size_class) ? hand_out(bin, size_class) : nullptr;
}

std::byte* HeapArena::hand_out(Bin& bin, SizeClass size_class) noexcept {
  const std::size_t index = bin.held_word * std::size_t{64} + static_cast<unsigned>(std::countr_zero(bin.held));
  bin.held &= bin.held - 1;
  return chunks_.memory(bin.current.load(std::memory_order_relaxed)) + index * block_geometry[size_class].size;
}

// Takes all the free blocks of some word.
bool HeapArena::refill(Bin& bin, SizeClass size_class) noexcept {
  const std::uint32_t first = bin.current.load(std::memory_order_relaxed);
  if (first == no_chunk) return false;
  std::uint32_t chunk = first;
  do {
    ChunkEntry& entry = chunks_.entry(chunk);
    // A `seems_full` that a free resets a moment later is no loss: that block is found at the next round.
    if (entry.seems_full.load(std::memory_order_relaxed) == 0) {
      if (take_word(bin, chunk, size_class, chunk == first ? bin.word.load(std::memory_order_relaxed) : 0)) return true;
      if (grow(chunk, size_class) && take_word(bin, chunk, size_class, 0)) return true;
      // No lost free (model: tests/model/heap_free.pml): we set `seems_full` and then look, they clear the bit and then
      // look at `seems_full`, all seq_cst; so we see their bit or they see our flag.
      entry.seems_full.store(1, std::memory_order_seq_cst);
      if (take_word(bin, chunk, size_class, 0)) {
        entry.seems_full.store(0, std::memory_order_relaxed);
        return true;
      }
    }
    chunk = links_[chunk].next;
  } while (chunk != first);
  return false;
}

// The first word with a free block at or after `first`, then before it.
bool HeapArena::take_word(Bin& bin, std::uint32_t chunk, SizeClass size_class, std::uint32_t first) noexcept {
  const std::uint32_t limit = limit_of(chunks_.entry(chunk), size_class);
  BlockWord* const words = chunks_.blocks(chunk);
  const std::uint32_t count = words_of(limit);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t number = first + i < count ? first + i : (first + i) % count;
    BlockWord& word = words[number];
    // seq_cst: against a lost free, see refill()
    const std::uint64_t free = ~word.live.load(std::memory_order_seq_cst) & mask_of(number, limit);
    if (free == 0) continue;
    // relaxed: `adopted` of a block that is not live means nothing to others
    if ((word.adopted.load(std::memory_order_relaxed) & free) != 0) {
      word.adopted.fetch_and(~free, std::memory_order_relaxed);
    }
    if ((word.shared.load(std::memory_order_relaxed) & free) != 0) {
      word.shared.fetch_and(~free, std::memory_order_relaxed);
    }
    PLAIT_KILL_POINT("heap.block.taking");
    // Nobody but us sets bits, so they are all ours. acquire: pairs with the fetch_and of who freed them, whose last
    // use of the blocks lies before ours.
    word.live.fetch_or(free, std::memory_order_acquire);
    PLAIT_KILL_POINT("heap.block.taken");
    bin.held = free;
    bin.held_word = number;
    bin.word.store(number, std::memory_order_relaxed);
    bin.current.store(chunk, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void HeapArena::return_held(Bin& bin) noexcept {
  if (bin.held == 0) return;
  BlockWord& word = chunks_.blocks(bin.current.load(std::memory_order_relaxed))[bin.held_word];
  word.live.fetch_and(~bin.held, std::memory_order_release);  // pairs with the fetch_or of the next who takes them
  bin.held = 0;
}

// Gives pages to more blocks of the chunk, doubling from 64 KiB. False: it has them all, or memory is exhausted.
bool HeapArena::grow(std::uint32_t chunk, SizeClass size_class) noexcept {
  constexpr std::uint32_t least = 64 << 10;
  ChunkEntry& entry = chunks_.entry(chunk);
  const BlockGeometry geometry = block_geometry[size_class];
  const std::uint32_t limit = limit_of(entry, size_class);
  if (limit == geometry.count) return false;
  const std::uint32_t more = std::max({limit, least / geometry.size, 1U});
  const std::uint32_t to = std::min(limit + more, geometry.count);
  if (!chunks_.reserve(chunk, std::size_t{limit} * geometry.size, std::size_t{to} * geometry.size)) return false;
  PLAIT_KILL_POINT("heap.small.grown");
  entry.limit.store(to, std::memory_order_release);  // pairs with who frees the chunk after our death
  return true;
}

void HeapArena::deallocate(Offset offset) noexcept {
  Place place;
  if (!find_small(offset, place)) {
    const std::uint32_t chunk = chunks_.chunk_of(offset);
    if (chunk == no_chunk || chunks_.offset_in_chunk(offset) != 0) return;
    const ChunkWord word = chunks_.entry(chunk).load();
    if (word.is(Kind::large)) chunks_.free_run(chunk, word, self());
    return;
  }
  if (place.inside != 0) return;
  BlockWord& word = chunks_.blocks(place.chunk)[place.word()];
  PLAIT_KILL_POINT("heap.block.freeing");
  // release: our use of the block lies before its next; seq_cst: against a lost free, see refill()
  const std::uint64_t before = word.live.fetch_and(~place.bit(), std::memory_order_seq_cst);
  PLAIT_KILL_POINT("heap.block.freed");
  if ((before & place.bit()) == 0) return;  // was free already
  // From here on the chunk may be somebody else's: a reset `seems_full` is a hint that harms nobody.
  ChunkEntry& entry = chunks_.entry(place.chunk);
  if (entry.seems_full.load(std::memory_order_seq_cst) != 0) entry.seems_full.store(0, std::memory_order_relaxed);

  if (place.owner != self()) return;
  Bin& bin = (*bins_)[place.size_class];
  if (bin.current.load(std::memory_order_relaxed) == place.chunk) {
    bin.word.store(place.word(), std::memory_order_relaxed);
  } else if (before == place.bit()) {
    release_if_empty(place.chunk, place.size_class);
  }
}

bool HeapArena::is_empty(std::uint32_t chunk, SizeClass size_class) const noexcept {
  const BlockWord* const words = chunks_.blocks(chunk);
  const std::uint32_t count = words_of(limit_of(chunks_.entry(chunk), size_class));
  // acquire: their users' last accesses lie before the chunk's next use
  return std::all_of(words, words + count,
                     [](const BlockWord& word) { return word.live.load(std::memory_order_acquire) == 0; });
}

void HeapArena::release_if_empty(std::uint32_t chunk, SizeClass size_class) noexcept {
  Bin& bin = (*bins_)[size_class];
  const std::scoped_lock lock(bin.mutex);
  // Another thread may have released it meanwhile; only under this mutex it comes and goes as ours of this class.
  const ChunkWord word = chunks_.entry(chunk).load();
  if (word != ChunkWord::small(self(), size_class) || chunk == bin.current.load(std::memory_order_relaxed)) return;
  if (!is_empty(chunk, size_class)) return;
  unlink(bin, chunk);
  chunks_.free_chunk(chunk, word, self());
}

std::uint32_t HeapArena::release_empty(Bin& bin, SizeClass size_class, bool current_too) noexcept {
  const std::uint32_t current = bin.current.load(std::memory_order_relaxed);
  if (current == no_chunk) return 0;
  if (current_too) return_held(bin);
  std::uint32_t left = 0;
  const auto release = [&](std::uint32_t chunk) {
    if (!is_empty(chunk, size_class)) return void(++left);
    unlink(bin, chunk);
    chunks_.free_chunk(chunk, chunks_.entry(chunk).load(), self());
  };
  for (std::uint32_t chunk = links_[current].next; chunk != current;) {
    const std::uint32_t next = links_[chunk].next;
    release(chunk);
    chunk = next;
  }
  if (current_too) release(current);
  return left;
}

// Chunks that others emptied by freeing our blocks, of classes that we need no more. Looked for when as many chunks
// were claimed as there are, so that it costs little and what lies idle is at most as much as what is in use.
void HeapArena::release_empty_of_others(const Bin& mine) noexcept {
  // relaxed: when to look is no matter of correctness
  if (claims_until_sweep_.load(std::memory_order_relaxed) > 0) {
    claims_until_sweep_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  std::uint32_t left = 16;
  for (SizeClass size_class = 0; size_class < size_class_count; ++size_class) {
    Bin& bin = (*bins_)[size_class];
    if (&bin == &mine) continue;
    const std::unique_lock lock(bin.mutex, std::try_to_lock);  // we hold `mine`: to wait could be a deadlock
    if (lock) left += release_empty(bin, size_class, false);
  }
  claims_until_sweep_.store(left, std::memory_order_relaxed);
}

void HeapArena::link(Bin& bin, std::uint32_t chunk) noexcept {
  const std::uint32_t current = bin.current.load(std::memory_order_relaxed);
  if (current == no_chunk) {
    links_[chunk] = {chunk, chunk};
    bin.current.store(chunk, std::memory_order_relaxed);
    return;
  }
  const std::uint32_t next = links_[current].next;
  links_[chunk] = {next, current};
  links_[next].previous = chunk;
  links_[current].next = chunk;
}

void HeapArena::unlink(Bin& bin, std::uint32_t chunk) noexcept {
  const Link link = links_[chunk];
  links_[link.previous].next = link.next;
  links_[link.next].previous = link.previous;
  if (bin.current.load(std::memory_order_relaxed) == chunk) {
    bin.current.store(link.next == chunk ? no_chunk : link.next, std::memory_order_relaxed);
  }
}

void HeapArena::adopt(Offset offset) noexcept {
  Place place;
  if (find_small(offset, place)) {
    // relaxed: reclaim() runs after this in the order of its caller
    if (place.owner != self()) {
      chunks_.blocks(place.chunk)[place.word()].adopted.fetch_or(place.bit(), std::memory_order_relaxed);
    }
    return;
  }
  give_large(offset, self());
}

void HeapArena::give_large(Offset offset, OwnerId owner) noexcept {
  const std::uint32_t chunk = chunks_.chunk_of(offset);
  if (chunk == no_chunk) return;
  const ChunkWord word = chunks_.entry(chunk).load();
  if (word.is(Kind::large)) chunks_.entry(chunk).exchange(word, ChunkWord::large(owner, word.run_pages()));
}

// The root outlives them all, as its death is everybody's.
void HeapArena::share(Offset offset) noexcept {
  Place place;
  if (!find_small(offset, place)) return give_large(offset, Heap::root);
  // relaxed: as in adopt()
  chunks_.blocks(place.chunk)[place.word()].shared.fetch_or(place.bit(), std::memory_order_relaxed);
}

void HeapArena::unshare(Offset offset, OwnerId owner) noexcept {
  Place place;
  if (!find_small(offset, place)) return give_large(offset, owner);
  chunks_.blocks(place.chunk)[place.word()].shared.fetch_and(~place.bit(), std::memory_order_relaxed);
}

void HeapArena::reclaim(OwnerId dead) noexcept {
  for (std::uint32_t chunk = 0, end = chunks_.frontier(); chunk < end; ++chunk) {
    const ChunkWord word = chunks_.entry(chunk).load();
    PLAIT_KILL_POINT("heap.reclaim.chunk");
    switch (word.kind()) {
      case Kind::free:
      case Kind::tail:
        break;
      case Kind::claimed:
        if (word.owner() == dead) chunks_.free_chunk(chunk, word, self());
        break;
      case Kind::small:
        // It may have died between freeing a block of another's chunk and saying so.
        chunks_.entry(chunk).seems_full.store(0, std::memory_order_relaxed);
        if (word.owner() == dead && word.size_class() < size_class_count) reclaim_small(chunk, word);
        break;
      case Kind::large:
      case Kind::closing:
        if (word.owner() == dead) chunks_.free_run(chunk, word, self());
        break;
    }
  }
}

// Frees the blocks that nobody adopted and that are not shared. With some left the chunk becomes ours and ordinary.
void HeapArena::reclaim_small(std::uint32_t chunk, ChunkWord word) noexcept {
  BlockWord* const words = chunks_.blocks(chunk);
  std::uint64_t left = 0;
  for (std::uint32_t i = 0; i < words_of(block_geometry[word.size_class()].count); ++i) {
    const std::uint64_t kept =
        words[i].adopted.load(std::memory_order_relaxed) | words[i].shared.load(std::memory_order_relaxed);
    // A free at the same time clears its bit before or after: it is one operation, and only the bit counts.
    left |= words[i].live.fetch_and(kept, std::memory_order_acq_rel) & kept;
    words[i].adopted.store(0, std::memory_order_relaxed);
  }
  if (left == 0) return chunks_.free_chunk(chunk, word, self());

  const SizeClass size_class = word.size_class();
  Bin& bin = (*bins_)[size_class];
  const std::scoped_lock lock(bin.mutex);
  chunks_.entry(chunk).seems_full.store(0, std::memory_order_relaxed);
  if (!chunks_.entry(chunk).exchange(word, ChunkWord::small(self(), size_class))) return;
  link(bin, chunk);
}

void HeapArena::trim() noexcept {
  for (SizeClass size_class = 0; size_class < size_class_count; ++size_class) {
    Bin& bin = (*bins_)[size_class];
    const std::scoped_lock lock(bin.mutex);
    release_empty(bin, size_class, true);
  }
  chunks_.trim(self());
}

bool HeapArena::contains(Offset offset, std::size_t size, OwnerId owner) const noexcept {
  Place place;
  if (find_small(offset, place)) {
    const auto& blocks = chunks_.blocks(place.chunk)[place.word()];
    if (owner != 0) {
      if (place.owner != owner) return false;
      // relaxed: as in adopt()
      const std::uint64_t given_away =
          blocks.adopted.load(std::memory_order_relaxed) | blocks.shared.load(std::memory_order_relaxed);
      if ((given_away & place.bit()) != 0) return false;
    }
    const std::size_t block = block_geometry[place.size_class].size;
    return (blocks.live.load(std::memory_order_acquire) & place.bit()) != 0 && size <= block - place.inside;
  }
  const std::uint32_t chunk = chunks_.chunk_of(offset);
  if (chunk == no_chunk) return false;
  const std::uint32_t head = chunks_.head_of(chunk);
  if (head == no_chunk) return false;
  const ChunkWord word = chunks_.entry(head).load();
  if (owner != 0 && word.owner() != owner) return false;
  const std::uint64_t length = word.run_pages() * page_size;
  const std::uint64_t inside = std::uint64_t{chunk - head} * chunk_size + chunks_.offset_in_chunk(offset);
  return inside < length && size <= length - inside &&
         length <= std::uint64_t{chunks_.chunk_count() - head} * chunk_size;
}

std::size_t HeapArena::bytes_in_use() const noexcept {
  std::size_t held = 0;
  for (SizeClass size_class = 0; size_class < size_class_count; ++size_class) {
    Bin& bin = (*bins_)[size_class];
    const std::scoped_lock lock(bin.mutex);
    held += static_cast<unsigned>(std::popcount(bin.held)) * std::size_t{block_geometry[size_class].size};
  }
  std::size_t bytes = 0;
  for (std::uint32_t chunk = 0, end = chunks_.frontier(); chunk < end; ++chunk) {
    const ChunkWord word = chunks_.entry(chunk).load();
    if (word.is(Kind::large)) bytes += word.run_pages() * page_size;
    if (!word.is(Kind::small) || word.size_class() >= size_class_count) continue;
    const BlockWord* const words = chunks_.blocks(chunk);
    for (std::uint32_t i = 0; i < words_of(block_geometry[word.size_class()].count); ++i) {
      // relaxed: a statistic
      const auto live = static_cast<unsigned>(std::popcount(words[i].live.load(std::memory_order_relaxed)));
      bytes += live * std::size_t{block_geometry[word.size_class()].size};
    }
  }
  return bytes - std::min(bytes, held);
}

}  // namespace plait::shm
