// SPDX-License-Identifier: Apache-2.0
#include "shm/shared_object.hpp"

#include <utility>

#include "os/kill_point.hpp"
#include "shm/heap_arena.hpp"
#include "shm/heap_table.hpp"
#include "shm/object_kinds.hpp"

namespace plait::shm {
namespace {

using Table = PageList<ObjectEntry, 500>;

// nullptr: nothing was ever shared.
Table* existing_table() noexcept { return existing_heap_table<Table>(Heap::get().header().objects); }

// Of this thread: objects that are to be destroyed, linked by their `entry`, which they no longer have.
constinit thread_local Offset doomed = 0;
constinit thread_local bool is_destroying = false;

// The highest bits of a word are the family's, the others the offset.
constexpr std::uint64_t family_mask = std::uint64_t{0xffff} << 48U;
std::uint64_t family_of(const Heap& heap) noexcept { return heap.header().family & family_mask; }

// To clear one may be to give up the last reference to others.
void destroy(Heap& heap, SharedObject& object) noexcept {
  object.entry = std::exchange(doomed, heap.offset_of(&object));
  if (is_destroying) return;
  is_destroying = true;
  while (doomed != 0) {
    auto& next = *static_cast<SharedObject*>(heap.at(doomed));
    doomed = next.entry;
    PLAIT_KILL_POINT("objects.destroying");
    clear_object(next);
    next.holders.clear();
    heap.deallocate(&next);
  }
  is_destroying = false;
}

// Calls use(entry, object) for each, which is not destroyed meanwhile.
template <class Use>
void look_at_each(Use use) noexcept {
  Table* const table = existing_table();
  if (table == nullptr) return;
  Heap& heap = Heap::get();
  table->for_each([&](ObjectEntry& entry) {
    const Offset offset = entry.look();
    if (offset == 0) return;
    use(entry, *static_cast<SharedObject*>(heap.at(offset)));
    if (entry.look_away()) destroy(heap, *static_cast<SharedObject*>(heap.at(offset)));
  });
}

}  // namespace

Offset ObjectEntry::look() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    if (word == 0 || (word & dying) != 0 || (word & marks) + looker > marks) return 0;
    // acquire: pairs with take()
  } while (!word_.compare_exchange_weak(word, word + looker, std::memory_order_acquire, std::memory_order_relaxed));
  return word & ~marks;
}

bool ObjectEntry::look_away() noexcept {
  // acq_rel: whoever destroys it has seen what all others did with it
  const std::uint64_t left = word_.fetch_sub(looker, std::memory_order_acq_rel) - looker;
  if ((left & marks) != dying) return false;
  word_.store(0, std::memory_order_release);
  return true;
}

bool ObjectEntry::end() noexcept {
  if ((word_.fetch_or(dying, std::memory_order_acq_rel) & marks) != 0) return false;
  word_.store(0, std::memory_order_release);
  return true;
}

void register_object(SharedObject& object) {
  Heap& heap = Heap::get();
  const Offset offset = heap.offset_of(&object);
  const OwnerId self = heap.self();
  ObjectEntry& entry =
      heap_table<Table>(heap.header().objects).take([offset](ObjectEntry& place) { return place.take(offset); });
  object.entry = heap.offset_of(&entry);
  PLAIT_KILL_POINT("objects.registering");
  add_holder(object, self);  // the first needs no memory
  PLAIT_KILL_POINT("objects.held");
  heap.share(&object);
  PLAIT_KILL_POINT("objects.registered");
}

void discard_object(SharedObject& object) noexcept { destroy(Heap::get(), object); }

std::uint64_t word_of(const SharedObject& object) noexcept {
  const Heap& heap = Heap::get();
  return heap.offset_of(&object) | family_of(heap);
}

SharedObject* find_object(std::uint64_t word, ObjectKind kind) noexcept {
  SharedObject* const object = find_object(word);
  return object != nullptr && object->kind == kind ? object : nullptr;
}

SharedObject* find_object(std::uint64_t word) noexcept {
  const Heap& heap = Heap::get();
  if ((word & family_mask) != family_of(heap)) return nullptr;
  const Offset offset = word & ~family_mask;
  if (offset % alignof(SharedObject) != 0 || !heap.contains_block(offset, sizeof(SharedObject))) return nullptr;
  auto* const object = static_cast<SharedObject*>(heap.at(offset));
  const Offset entry = object->entry;
  if (entry % alignof(ObjectEntry) != 0 || !heap.contains_block(entry, sizeof(ObjectEntry))) {
    return nullptr;
  }
  return static_cast<const ObjectEntry*>(heap.at(entry))->has(offset) ? object : nullptr;
}

void add_holder(SharedObject& object, OwnerId owner) {
  object.holders.take([owner](SharedObject::Holder& holder) {
    OwnerId nobody = 0;
    // relaxed: which process it is orders nothing; its use of the object is ordered by how it got the handle
    return holder.load(std::memory_order_relaxed) == 0 &&
           holder.compare_exchange_strong(nobody, owner, std::memory_order_relaxed);
  });
}

bool has_holder(const SharedObject& object, OwnerId owner) noexcept {
  return object.holders.find([owner](const SharedObject::Holder& holder) {
    return holder.load(std::memory_order_relaxed) == owner;
  }) != nullptr;
}

bool remove_holder(SharedObject& object, OwnerId owner) noexcept {
  return object.holders.find([owner](SharedObject::Holder& holder) {
    OwnerId its = owner;
    return holder.compare_exchange_strong(its, 0, std::memory_order_relaxed);
  }) != nullptr;
}

void drop_reference(SharedObject& object) noexcept {
  // acq_rel: whoever destroys it has seen what all others did with it
  if (object.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Heap& heap = Heap::get();
  PLAIT_KILL_POINT("objects.unreferenced");
  if (static_cast<ObjectEntry*>(heap.at(object.entry))->end()) destroy(heap, object);
}

void hand_over_objects(OwnerId self) noexcept {
  look_at_each([self](ObjectEntry&, SharedObject& object) { hand_over_object(object, self); });
}

void recover_objects(OwnerId dead) noexcept {
  look_at_each([dead](ObjectEntry& entry, SharedObject& object) {
    const Heap& heap = Heap::get();
    if (heap.contains_block(heap.offset_of(&object), sizeof(SharedObject), dead)) {
      // Not shared yet: it died while it made the object, of which nobody else knows.
      static_cast<void>(entry.end());
    } else if (has_holder(object, dead) || is_involved(object, dead)) {
      recover_object(object, dead);
      PLAIT_KILL_POINT("objects.recovered");
      // In this order: should we die in between, the object stays.
      if (remove_holder(object, dead)) drop_reference(object);
    }
  });
}

}  // namespace plait::shm
