// SPDX-License-Identifier: Apache-2.0
#include "shm/chunk_table.hpp"

#include <algorithm>
#include <new>
#include <system_error>

#include "os/kill_point.hpp"
#include "os/shared_file.hpp"

namespace plait::shm {
namespace {

using Kind = ChunkWord::Kind;

constexpr std::size_t round_up(std::size_t value, std::size_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

constexpr std::uint64_t pages_of(std::uint64_t bytes) noexcept { return (bytes + page_size - 1) / page_size; }

constexpr std::uint32_t chunks_of(std::uint64_t pages) noexcept {
  return static_cast<std::uint32_t>((pages + pages_per_chunk - 1) / pages_per_chunk);
}

}  // namespace

ChunkTable::ChunkTable(int fd, std::byte* base, std::size_t size, bool create) : fd_(fd), base_(base), size_(size) {
  // header | table | block words | chunks
  chunk_count_ =
      static_cast<std::uint32_t>((size - page_size) / (chunk_size + block_words_size + sizeof(ChunkEntry))) - 1;
  entries_ = reinterpret_cast<ChunkEntry*>(base + page_size);
  block_words_ = page_size + round_up(chunk_count_ * sizeof(ChunkEntry), page_size);
  first_chunk_ = round_up(block_words_ + std::size_t{chunk_count_} * block_words_size, chunk_size);
  if (!create) return;
  if (!os::reserve_pages(fd, 0, page_size)) {
    throw std::system_error(std::make_error_code(std::errc::not_enough_memory), "fallocate of the shared heap");
  }
  new (base) HeapHeader{.next_owner = 2,
                        .frontier = 0,
                        .cached_pages = 0,
                        .cursor = 0,
                        .objects = 0,
                        .processes = 0,
                        .tracked_names = 0,
                        .family = 0};
}

std::uint32_t ChunkTable::frontier() const noexcept {
  // acquire: pairs with raise_frontier(), so that the part of the table below it has pages
  return std::min(header().frontier.load(std::memory_order_acquire), chunk_count_);
}

std::uint32_t ChunkTable::head_of(std::uint32_t chunk) const noexcept {
  const ChunkWord word = entry(chunk).load();
  if (word.is(Kind::large)) return chunk;
  if (!word.is(Kind::tail) || word.head() >= chunk) return no_chunk;
  const ChunkWord head = entry(word.head()).load();
  return head.is(Kind::large) && chunk - word.head() < head.run_chunks() ? word.head() : no_chunk;
}

bool ChunkTable::reserve(std::uint32_t chunk, std::size_t from, std::size_t to) noexcept {
  const std::size_t first = from / page_size * page_size;
  return os::reserve_pages(fd_, offset_of_chunk(chunk) + first, round_up(to, page_size) - first);
}

std::uint32_t ChunkTable::claim_small(OwnerId self, SizeClass size_class) noexcept {
  constexpr std::uint64_t enough_to_start = 16;  // pages
  const std::uint32_t chunk = claim_pages(self, enough_to_start);
  if (chunk == no_chunk) return no_chunk;
  const std::uint32_t pages = entry(chunk).load().claimed_pages();
  const BlockGeometry geometry = block_geometry[size_class];
  const std::size_t words_size = round_up(words_of(geometry.count) * sizeof(BlockWord), page_size);
  if (!os::reserve_pages(fd_, block_words_ + std::uint64_t{chunk} * block_words_size, words_size)) {
    give_back(chunk, 1);
    return no_chunk;
  }
  BlockWord* const words = blocks(chunk);
  for (std::uint32_t i = 0; i < words_of(geometry.count); ++i) {
    // relaxed, as is the rest: published by set() below
    words[i].live.store(0, std::memory_order_relaxed);
    words[i].adopted.store(0, std::memory_order_relaxed);
  }
  const auto limit = static_cast<std::uint32_t>(std::size_t{pages} * page_size / geometry.size);
  entry(chunk).limit.store(std::min(limit, geometry.count), std::memory_order_relaxed);
  entry(chunk).seems_full.store(0, std::memory_order_relaxed);
  PLAIT_KILL_POINT("heap.small.prepared");
  entry(chunk).set(ChunkWord::small(self, size_class));
  PLAIT_KILL_POINT("heap.small.claimed");
  return chunk;
}

std::uint32_t ChunkTable::claim_large(OwnerId self, std::size_t size) noexcept {
  if (size > std::size_t{chunk_count_} * chunk_size) return no_chunk;
  const std::uint64_t pages = pages_of(size);
  const std::uint32_t head = claim_pages(self, pages);
  if (head == no_chunk) return no_chunk;

  const ChunkWord run = ChunkWord::large(self, pages);
  const std::uint32_t chunks = run.run_chunks();
  for (std::uint32_t number = 0; number < chunks; ++number) {
    const std::size_t has = std::size_t{entry(head + number).load().claimed_pages()} * page_size;
    const std::size_t needs = std::size_t{run.pages_in(number)} * page_size;
    PLAIT_KILL_POINT("heap.run.reserving");
    if (has < needs && !reserve(head + number, has, needs)) {
      release(head, chunks);
      for (std::uint32_t i = 0; i < chunks; ++i) entry(head + i).set(ChunkWord::claimed(self, 0));
      give_back(head, chunks);
      return no_chunk;
    }
  }
  // The head comes first: a tail whose head does not name us would be nobody's after our death.
  entry(head).set(run);
  for (std::uint32_t number = 1; number < chunks; ++number) {
    PLAIT_KILL_POINT("heap.run.marking");
    entry(head + number).set(ChunkWord::tail(head));
  }
  PLAIT_KILL_POINT("heap.run.marked");
  return head;
}

void ChunkTable::free_chunk(std::uint32_t chunk, ChunkWord word, OwnerId self) noexcept {
  std::uint64_t pages = 0;  // of what was claimed they are not known: it may have died while it reserved
  if (word.is(Kind::small)) {
    const BlockGeometry geometry = block_geometry[word.size_class()];
    // acquire: only for a chunk of the dead; its limit was written before pages were used
    const std::uint32_t limit = std::min(entry(chunk).limit.load(std::memory_order_acquire), geometry.count);
    pages = pages_of(std::uint64_t{limit} * geometry.size);
  }
  if (!entry(chunk).exchange(word, ChunkWord::claimed(self, static_cast<std::uint32_t>(pages)))) return;
  PLAIT_KILL_POINT("heap.chunk.unlinked");
  if (pages == 0 || !may_keep(pages)) {
    release(chunk, 1);
    pages = 0;
  }
  PLAIT_KILL_POINT("heap.chunk.freeing");
  entry(chunk).set(ChunkWord::free(static_cast<std::uint32_t>(pages)));
}

void ChunkTable::free_run(std::uint32_t head, ChunkWord word, OwnerId self) noexcept {
  // The tails name the head, and nobody else's tails do as long as the head is not free: the head comes last, so that
  // whoever takes over from us after our death knows which chunks are still to be freed, and touches no others.
  const ChunkWord closing = ChunkWord::closing(self, word.run_pages());
  const std::uint32_t chunks = closing.run_chunks();
  if (chunks > chunk_count_ - head || !entry(head).exchange(word, closing)) return;
  PLAIT_KILL_POINT("heap.run.closing");
  const bool keep = may_keep(closing.run_pages());
  for (std::uint32_t number = 1; number < chunks;) {
    std::uint32_t end = number;
    while (end < chunks && entry(head + end).load() == ChunkWord::tail(head)) ++end;
    if (!keep && end > number) release(head + number, end - number);
    for (; number < end; ++number) {
      PLAIT_KILL_POINT("heap.run.freeing");
      entry(head + number).set(ChunkWord::free(keep ? closing.pages_in(number) : 0));
    }
    ++number;  // was freed before, and may be somebody's by now
  }
  if (!keep) release(head, 1);
  PLAIT_KILL_POINT("heap.run.freed");
  // relaxed, here and below: where to look first is only a hint
  std::atomic<std::uint32_t>& cursor = header().cursor;
  if (head < cursor.load(std::memory_order_relaxed)) cursor.store(head, std::memory_order_relaxed);
  entry(head).set(ChunkWord::free(keep ? closing.pages_in(0) : 0));
}

void ChunkTable::trim(OwnerId self) noexcept {
  constexpr std::uint32_t most_at_once = 256;
  const std::uint32_t end = frontier();
  for (std::uint32_t chunk = 0; chunk < end;) {
    std::uint32_t claimed = 0;
    while (claimed < most_at_once && chunk + claimed < end) {
      const ChunkWord word = entry(chunk + claimed).load();
      if (!word.is(Kind::free) || word.free_pages() == 0) break;
      if (!entry(chunk + claimed).exchange(word, ChunkWord::claimed(self, 0))) break;
      header().cached_pages.fetch_sub(word.free_pages(), std::memory_order_relaxed);  // relaxed: a statistic
      ++claimed;
    }
    PLAIT_KILL_POINT("heap.trim.claimed");
    if (claimed > 0) {
      release(chunk, claimed);
      give_back(chunk, claimed);
    }
    chunk += std::max(claimed, 1U);
  }
}

bool ChunkTable::raise_frontier(std::uint32_t to) noexcept {
  constexpr std::uint32_t step = 4096;  // entries whose pages are reserved at a time
  // relaxed: two threads may both reserve, which does no harm
  if (to > entries_with_pages_.load(std::memory_order_relaxed)) {
    const std::uint32_t until = std::min(chunk_count_, (to + step - 1) / step * step);
    if (!os::reserve_pages(fd_, page_size, until * sizeof(ChunkEntry))) return false;
    entries_with_pages_.store(until, std::memory_order_relaxed);
  }
  std::uint32_t now = header().frontier.load(std::memory_order_relaxed);
  // release: the pages of the table are there
  while (now < to && !header().frontier.compare_exchange_weak(now, to, std::memory_order_acq_rel)) {
  }
  return true;
}

std::uint32_t ChunkTable::find_run(std::uint32_t from, std::uint32_t to, std::uint64_t pages,
                                   bool with_pages) const noexcept {
  const std::uint32_t chunks = chunks_of(pages);
  std::uint32_t length = 0;
  for (std::uint32_t chunk = from; chunk < to; ++chunk) {
    // relaxed: only a look, claim_run() decides
    const ChunkWord word(entry(chunk).word.load(std::memory_order_relaxed));
    const auto has_enough = [&] {
      const std::uint64_t rest = pages - std::uint64_t{length} * pages_per_chunk;
      return !with_pages || word.free_pages() >= std::min<std::uint64_t>(rest, pages_per_chunk);
    };
    if (!word.is(Kind::free) || !has_enough()) length = 0;
    if (!word.is(Kind::free) || !has_enough()) continue;  // not as the first of a run either
    if (++length == chunks) return chunk + 1 - chunks;
  }
  return no_chunk;
}

std::uint32_t ChunkTable::find_run(std::uint64_t pages) noexcept {
  const std::uint32_t chunks = chunks_of(pages);
  const std::uint32_t end = frontier();
  const std::uint32_t start = std::min(header().cursor.load(std::memory_order_relaxed), end);
  const bool may_have_pages = header().cached_pages.load(std::memory_order_relaxed) >= pages;
  for (const bool with_pages : {true, false}) {
    if (with_pages && !may_have_pages) continue;
    std::uint32_t head = find_run(start, end, pages, with_pages);
    if (head == no_chunk) head = find_run(0, std::min(end, start + chunks), pages, with_pages);
    if (head != no_chunk) return head;
  }
  // New ground, together with what is free just below it.
  std::uint32_t head = end;
  while (head > 0 && end - head < chunks && entry(head - 1).load().is(Kind::free)) --head;
  if (chunks > chunk_count_ - head) return no_chunk;
  return raise_frontier(head + chunks) ? head : no_chunk;
}

bool ChunkTable::claim_run(std::uint32_t head, std::uint32_t chunks, OwnerId self) noexcept {
  for (std::uint32_t number = 0; number < chunks; ++number) {
    ChunkEntry& entry = this->entry(head + number);
    const ChunkWord word = entry.load();
    if (!word.is(Kind::free) || !entry.exchange(word, ChunkWord::claimed(self, word.free_pages()))) {
      give_back(head, number);
      return false;
    }
    header().cached_pages.fetch_sub(word.free_pages(), std::memory_order_relaxed);
    PLAIT_KILL_POINT("heap.run.claiming");
  }
  return true;
}

// A run of claimed chunks, their pages as they were. Lock-free: when another is faster, that one has made progress.
std::uint32_t ChunkTable::claim_pages(OwnerId self, std::uint64_t pages) noexcept {
  for (;;) {
    const std::uint32_t head = find_run(pages);
    if (head == no_chunk) return no_chunk;
    if (claim_run(head, chunks_of(pages), self)) {
      header().cursor.store(head + chunks_of(pages), std::memory_order_relaxed);
      return head;
    }
  }
}

void ChunkTable::give_back(std::uint32_t head, std::uint32_t chunks) noexcept {
  for (std::uint32_t chunk = head; chunk < head + chunks; ++chunk) {
    const std::uint32_t pages = entry(chunk).load().claimed_pages();
    header().cached_pages.fetch_add(pages, std::memory_order_relaxed);
    entry(chunk).set(ChunkWord::free(pages));
  }
}

// Books `pages` as cached, unless that would be too much.
bool ChunkTable::may_keep(std::uint64_t pages) noexcept {
  if (pages > cached_pages_limit) return false;
  std::atomic<std::uint64_t>& cached = header().cached_pages;
  if (cached.fetch_add(pages, std::memory_order_relaxed) + pages <= cached_pages_limit) return true;
  const std::uint64_t real = count_cached_pages();
  cached.store(real, std::memory_order_relaxed);
  if (real + pages > cached_pages_limit) return false;
  cached.fetch_add(pages, std::memory_order_relaxed);
  return true;
}

std::uint64_t ChunkTable::count_cached_pages() const noexcept {
  std::uint64_t pages = 0;
  for (std::uint32_t chunk = 0, end = frontier(); chunk < end; ++chunk) {
    const ChunkWord word = entry(chunk).load();
    if (word.is(Kind::free)) pages += word.free_pages();
  }
  return pages;
}

void ChunkTable::release(std::uint32_t chunk, std::uint32_t chunks) noexcept {
  os::release_pages(fd_, offset_of_chunk(chunk), std::uint64_t{chunks} * chunk_size);
}

}  // namespace plait::shm
