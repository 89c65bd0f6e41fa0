// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Items in the shared heap that are never moved, in pages that are never taken away: whoever looks at them needs no
// lock, and the death of a process harms nobody. What an item's being taken means is the items' business.

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

#include "os/kill_point.hpp"
#include "shm/heap.hpp"

namespace plait::shm {

// Its first n items are part of it. All items begin as Item().
template <class Item, std::size_t n>
class PageList {
 public:
  PageList() noexcept = default;
  PageList(const PageList&) = delete;
  PageList& operator=(const PageList&) = delete;

  // The first item for which f(item) is true; nullptr: there is none.
  template <class F>
  Item* find(F f) noexcept {
    for (Page* page = &first_; page != nullptr; page = after(*page)) {
      for (Item& item : page->items) {
        if (f(item)) return &item;
      }
    }
    return nullptr;
  }
  template <class F>
  void for_each(F f) noexcept {
    find([&f](Item& item) { return f(item), false; });
  }
  // The first item for which take(item) is true; there is always one, if need be in a new page. Throws
  // OutOfSharedMemory.
  template <class Take>
  Item& take(Take take) {
    for (;;) {
      if (Item* const item = find(take)) return *item;
      grow();
    }
  }
  // Frees the pages. By who has the list to himself.
  void clear() noexcept {
    Heap& heap = Heap::get();
    for (Page* page = after(first_); page != nullptr;) {
      Page* const next = after(*page);
      heap.deallocate(page);
      page = next;
    }
  }

 private:
  struct alignas(64) Page {
    std::array<Item, n> items{};
    std::atomic<Offset> next{0};
  };

  static Page* after(const Page& page) noexcept {
    const Offset next = page.next.load(std::memory_order_acquire);  // pairs with grow()
    return next == 0 ? nullptr : static_cast<Page*>(Heap::get().at(next));
  }
  void grow() {
    Heap& heap = Heap::get();
    auto* const added = new (heap.allocate(sizeof(Page))) Page;
    heap.share(added);
    PLAIT_KILL_POINT("page_list.growing");
    Page* last = &first_;
    while (Page* const next = after(*last)) last = next;
    Offset none = 0;
    // release: the items. If somebody else was quicker, there is room as well.
    if (!last->next.compare_exchange_strong(none, heap.offset_of(added), std::memory_order_release,
                                            std::memory_order_relaxed)) {
      heap.deallocate(added);
    }
  }

  Page first_;
};

}  // namespace plait::shm
