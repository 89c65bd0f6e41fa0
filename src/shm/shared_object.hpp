// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Objects in the shared heap that processes share by handles: locks, queues, values. Each counts who refers to it, and
// says which processes do, so that what a dead process had in its hands is put in order and let go in its name.
// docs/design/shared-objects.md has the reasons.
//
// Invariants
//   counted   `references` is never less than the processes that hold the object plus the messages under way that carry
//             it; a death between two steps leaves it too high (the object stays until the family ends), never too low
//   listed    an object is in the table from before anybody else can know of it until it is destroyed
//   in order  what recover(d) does to an object happens while nobody else can do the same for d, and before the blocks
//             that d had allocated are freed

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/heap.hpp"
#include "shm/page_list.hpp"

namespace plait::shm {

enum class ObjectKind : std::uint32_t { none, lock, rlock, semaphore, event, condition, barrier, queue, memory };

// The head of every shared object.
struct alignas(64) SharedObject {
  // A process that has handles of the object: its number; 0: none. A process is at most once in them.
  using Holder = std::atomic<OwnerId>;

  explicit SharedObject(ObjectKind of_kind) noexcept : kind(of_kind) {}

  const ObjectKind kind;
  std::atomic<std::uint32_t> references{1};
  Offset entry = 0;  // where the table has it; fixed before it is shared
  mutable PageList<Holder, 10> holders;
};

// Where the table of all shared objects has one: its offset, and in the low bits, which no offset has, who looks at it.
//
//   0 ──register──▶ offset ──look──▶ offset + looker·n ──▶ offset
//                     │                   │ (the last reference goes)
//                     └──destroy──▶ 0     └─▶ … + dying ──the last to look destroys──▶ 0
//
// A looker that dies leaves its mark: that object is never destroyed.
class ObjectEntry {
 public:
  // False: it is not free.
  bool take(Offset object) noexcept {
    std::uint64_t none = 0;
    // release: the object, for look()
    return word_.compare_exchange_strong(none, object, std::memory_order_release, std::memory_order_relaxed);
  }
  // The object, which is not destroyed until look_away(); 0: there is none.
  Offset look() noexcept;
  // True: the caller has to destroy it, and the entry is free.
  bool look_away() noexcept;
  // The last reference has gone. True: as look_away(); false: somebody looks at it, and will destroy it.
  bool end() noexcept;
  [[nodiscard]] bool has(Offset object) const noexcept {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    return (word & ~marks) == object && (word & dying) == 0;
  }

 private:
  static constexpr std::uint64_t dying = 1, looker = 2, marks = 63;

  std::atomic<std::uint64_t> word_{0};
};

// Makes the object the family's and known to it: `object` is a block of the heap of this process, which is its first
// holder. Throws OutOfSharedMemory: it is as before.
void register_object(SharedObject& object);
// One that was made, and never registered.
void discard_object(SharedObject& object) noexcept;

// What stands for the object in a message. In another family it names none (but once in 65,536 cases).
[[nodiscard]] std::uint64_t word_of(const SharedObject& object) noexcept;
// The object of a word that may be anything; nullptr: there is none, or none of this kind.
SharedObject* find_object(std::uint64_t word) noexcept;
SharedObject* find_object(std::uint64_t word, ObjectKind kind) noexcept;

// The caller's process, or one that it is about to make, is one that holds the object; with a reference, which the
// caller has got for it. Throws OutOfSharedMemory.
void add_holder(SharedObject& object, OwnerId owner);
[[nodiscard]] bool has_holder(const SharedObject& object, OwnerId owner) noexcept;
// It no longer does. False: it did not.
bool remove_holder(SharedObject& object, OwnerId owner) noexcept;

// One reference more, by whoever has one.
inline void add_reference(SharedObject& object) noexcept {
  object.references.fetch_add(1, std::memory_order_relaxed);  // as of any counted reference
}
// One less; the last destroys the object, and with it those of which it or the messages in it had the last reference:
// one after another, so that no chain of them is too long for the stack.
void drop_reference(SharedObject& object) noexcept;

// By a process that is about to end, with nothing gone wrong: tasks of queues that it has got are not counted as done.
void hand_over_objects(OwnerId self) noexcept;

// After `dead` has died, by whoever watched it, before Heap::reclaim(dead): its locks are abandoned, what it had left
// half done is finished or undone, who waits for it looks again, and its references are dropped. May be repeated.
void recover_objects(OwnerId dead) noexcept;

}  // namespace plait::shm
