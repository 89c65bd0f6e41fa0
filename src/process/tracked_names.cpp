// SPDX-License-Identifier: Apache-2.0
#include "process/tracked_names.hpp"

#include <cstring>
#include <new>

#include "os/kill_point.hpp"
#include "plait/errors.hpp"
#include "shm/chunk_table.hpp"

namespace plait::process {
namespace {

// acquire: pairs with the exchange in next_page(), after which the page is whole
NamePage* page_at(std::atomic<shm::Offset>& link) noexcept {
  const shm::Offset offset = link.load(std::memory_order_acquire);
  if (offset == 0) return nullptr;
  // Of an offset that somebody has overwritten the list ends.
  shm::Heap& heap = shm::Heap::get();
  return heap.contains_block(offset, sizeof(NamePage)) ? static_cast<NamePage*>(heap.at(offset)) : nullptr;
}

// The page that the link leads to; a new one, if there is none. If this process is killed between sharing the page, so
// that it does not die with it, and linking it, the page is lost until the family ends.
NamePage& next_page(std::atomic<shm::Offset>& link) {
  if (NamePage* const page = page_at(link)) return *page;
  shm::Heap& heap = shm::Heap::get();
  void* const block = heap.allocate(sizeof(NamePage));
  NamePage* const fresh = new (block) NamePage{};
  heap.share(block);
  PLAIT_KILL_POINT("names.page.shared");
  shm::Offset none = 0;
  if (link.compare_exchange_strong(none, heap.offset_of(block), std::memory_order_acq_rel)) return *fresh;
  heap.deallocate(block);
  NamePage* const theirs = page_at(link);
  if (theirs == nullptr) throw RuntimeError("plait: a process has written nonsense into the table of names");
  return *theirs;
}

NameEntry* claim_entry(NamePage& page) noexcept {
  for (NameEntry& entry : page.entries) {
    std::uint64_t state = entry.state.load(std::memory_order_relaxed);  // the exchange decides
    if ((state & NameEntry::phase_mask) != NameEntry::free) continue;
    // acquire: pairs with the release in forget_name()
    if (entry.state.compare_exchange_strong(state, state + NameEntry::claimed, std::memory_order_acquire))
      return &entry;
  }
  return nullptr;
}

}  // namespace

void note_name(const std::string& name, os::FileIdentity file) {
  shm::Heap& heap = shm::Heap::get();
  static_cast<void>(heap.self());  // an orphan of a fork founds its own family
  NamePage* page = &next_page(heap.header().tracked_names);
  NameEntry* entry = claim_entry(*page);
  while (entry == nullptr) {
    page = &next_page(page->next);
    entry = claim_entry(*page);
  }
  PLAIT_KILL_POINT("names.entry.claimed");
  std::memcpy(entry->name.data(), name.c_str(), name.size() + 1);
  entry->device.store(file.device, std::memory_order_relaxed);
  entry->inode.store(file.inode, std::memory_order_relaxed);
  // release: pairs with the acquires of forget_name() and for_each_noted_name()
  entry->state.fetch_add(NameEntry::noted - NameEntry::claimed, std::memory_order_release);
}

void forget_name(os::FileIdentity file) noexcept {
  shm::Heap* const heap = shm::Heap::existing();
  if (heap == nullptr) return;
  for (NamePage* page = page_at(heap->header().tracked_names); page != nullptr; page = page_at(page->next)) {
    for (NameEntry& entry : page->entries) {
      std::uint64_t state = entry.state.load(std::memory_order_acquire);  // pairs with the release in note_name()
      if ((state & NameEntry::phase_mask) != NameEntry::noted) continue;
      if (entry.inode.load(std::memory_order_relaxed) != file.inode) continue;
      if (entry.device.load(std::memory_order_relaxed) != file.device) continue;
      // release: pairs with the acquire in claim_entry(). If the exchange fails, somebody else has forgotten it.
      const std::uint64_t next = (state & ~NameEntry::phase_mask) + NameEntry::next_generation;
      if (entry.state.compare_exchange_strong(state, next, std::memory_order_release)) return;
    }
  }
}

}  // namespace plait::process
