// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What this process holds of the shared objects: one Hold for each object of which it has handles, and in the object
// one holder for it. Handles count here, in private memory; only the first and the last touch the object.
//
// A copy of this process made by fork() has copies of the handles, but is no holder: there they are refused. The
// exception is a child that we fork ourselves: lend_holds() makes it a holder of everything before it begins.

#include <atomic>
#include <cstdint>

#include "os/fork_generation.hpp"
#include "shm/shared_object.hpp"

namespace plait::shm {

class Hold {
 public:
  // The hold of a new object, with one handle: `object` is made in a block of Heap::get().allocate(). It is destroyed
  // if this throws OutOfSharedMemory or std::bad_alloc.
  static Hold& create(SharedObject& object);
  // Of an object that came in a message, with one handle more; takes over the message's reference. Throws DecodeError:
  // there is no such object. OutOfSharedMemory, std::bad_alloc: the reference is given back.
  static Hold& arrive(std::uint64_t word, ObjectKind kind);

  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // Throws RuntimeError: the handle was inherited by fork.
  [[nodiscard]] SharedObject& object() const {
    if (generation_.load(std::memory_order_relaxed) != os::fork_generation()) throw_inherited();
    return object_;
  }
  [[nodiscard]] bool is_inherited() const noexcept {
    return generation_.load(std::memory_order_relaxed) != os::fork_generation();
  }
  // The number of this process, which holds the object.
  [[nodiscard]] OwnerId owner() const noexcept { return owner_; }

  // One handle more or less; with the last the hold is gone.
  void add_handle() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
  void drop_handle() noexcept;

  // The handles of this process are not to be used any more; what that means is their business.
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

  // One for a message: the word that arrive() takes, once, in whatever process.
  [[nodiscard]] std::uint64_t send();

 private:
  friend class Holds;
  Hold(SharedObject& object, OwnerId owner) noexcept : object_(object), owner_(owner) {}
  ~Hold() = default;
  [[noreturn]] static void throw_inherited();

  SharedObject& object_;
  OwnerId owner_;  // changes only in a process that has just begun
  std::atomic<std::uint64_t> handles_{1};
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> generation_{os::fork_generation()};  // of forks, in which this process is a holder
};

// Before a child is forked, which will be `child`: makes it a holder of all that this process holds. If it is not
// started after all, recover_objects(child) takes that back. Throws OutOfSharedMemory; recover_objects(child) then,
// too.
void lend_holds(OwnerId child);
// In that child: from here on its handles are its own.
void accept_holds(OwnerId self) noexcept;

}  // namespace plait::shm
