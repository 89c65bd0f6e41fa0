// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Tables of a whole family: made in the shared heap at their first use, of which the heap's header has the offset.

#include <atomic>
#include <new>

#include "shm/heap.hpp"

namespace plait::shm {

// nullptr: not made yet.
template <class Table>
Table* existing_heap_table(const std::atomic<Offset>& place) noexcept {
  const Offset offset = place.load(std::memory_order_acquire);  // pairs with heap_table()
  return offset == 0 ? nullptr : static_cast<Table*>(Heap::get().at(offset));
}

// Throws OutOfSharedMemory.
template <class Table>
Table& heap_table(std::atomic<Offset>& place) {
  if (Table* const table = existing_heap_table<Table>(place)) return *table;
  Heap& heap = Heap::get();
  auto* const made = new (heap.allocate(sizeof(Table))) Table;
  heap.share(made);
  Offset none = 0;
  // acq_rel: the empty table, for all; or theirs
  if (place.compare_exchange_strong(none, heap.offset_of(made), std::memory_order_acq_rel)) return *made;
  heap.deallocate(made);
  return *existing_heap_table<Table>(place);
}

}  // namespace plait::shm
