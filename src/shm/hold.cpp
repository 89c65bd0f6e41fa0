// SPDX-License-Identifier: Apache-2.0
#include "shm/hold.hpp"

#include <pthread.h>

#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>

#include "os/kill_point.hpp"
#include "plait/errors.hpp"

namespace plait::shm {

// All of this process. Never destroyed: static objects let go of their handles at the end.
class Holds {
 public:
  static Holds& get() {
    static Holds* const all = make();
    return *all;
  }

  Hold& create(SharedObject& object) {
    const std::scoped_lock lock(mutex_);
    return enter(object, Heap::get().self());
  }

  Hold& arrive(std::uint64_t word, ObjectKind kind) {
    if (Heap::get().is_orphan()) {
      throw DecodeError("plait: a handle of a shared object came to a process of another family");
    }
    SharedObject* const object = find_object(word, kind);
    if (object == nullptr) {
      throw DecodeError(
          "plait: these bytes name no shared object of this family of processes, or one of another kind; send a handle "
          "only to processes that plait has started, and decode each message once");
    }
    const std::scoped_lock lock(mutex_);
    const auto known = holds_.find(object);
    if (known == holds_.end() || known->second->is_inherited()) return enter_or_drop(*object);
    Hold& hold = *known->second;
    hold.add_handle();
    drop_reference(*object);  // not the last: the hold has one
    return hold;
  }

  void drop(Hold& hold) noexcept {
    SharedObject& object = hold.object_;
    {
      const std::scoped_lock lock(mutex_);
      // acq_rel: whoever deletes the hold has seen what all others did with it
      if (hold.handles_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
      const bool inherited = hold.is_inherited();
      const OwnerId owner = hold.owner_;
      if (const auto its = holds_.find(&object); its != holds_.end() && its->second == &hold) holds_.erase(its);
      delete &hold;
      if (inherited) return;
      PLAIT_KILL_POINT("hold.dropping");
      // In this order: should we die in between, the object stays.
      remove_holder(object, owner);
    }
    PLAIT_KILL_POINT("hold.dropped");
    drop_reference(object);
  }

  void lend(OwnerId child) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [object, hold] : holds_) {
      if (hold->is_inherited()) continue;
      add_reference(*object);
      add_holder(*object, child);
    }
  }

  void accept(OwnerId self) noexcept {
    const std::scoped_lock lock(mutex_);
    for (const auto& [object, hold] : holds_) {
      // What our maker had inherited itself is of another family, in which a process may have our number; what another
      // thread got between lend() and the fork is not ours.
      if (hold->generation_.load(std::memory_order_relaxed) + 1 != os::fork_generation()) continue;
      if (!has_holder(*object, self)) continue;
      hold->owner_ = self;
      hold->generation_.store(os::fork_generation(), std::memory_order_relaxed);
    }
  }

 private:
  static Holds* make() {
    pthread_atfork([] { get().mutex_.lock(); }, [] { get().mutex_.unlock(); }, [] { get().mutex_.unlock(); });
    return new Holds;
  }

  // The caller has made this process a holder of the object; if this throws, it no longer is.
  Hold& enter(SharedObject& object, OwnerId self) {
    Hold* hold = nullptr;
    try {
      hold = new Hold(object, self);
      holds_.insert_or_assign(&object, hold);  // one that was inherited goes on for its handles only
    } catch (...) {
      delete hold;
      remove_holder(object, self);
      throw;
    }
    return *hold;
  }

  Hold& enter_or_drop(SharedObject& object) {
    try {
      const OwnerId self = Heap::get().self();
      add_holder(object, self);
      return enter(object, self);
    } catch (...) {
      drop_reference(object);
      throw;
    }
  }

  std::mutex mutex_;  // fork() waits for it
  std::unordered_map<SharedObject*, Hold*> holds_;
};

namespace {
// Before main(), so that no fork comes between.
[[maybe_unused]] const Holds& made_early = Holds::get();
}  // namespace

Hold& Hold::create(SharedObject& object) {
  bool registered = false;
  try {
    Holds& holds = Holds::get();
    register_object(object);
    registered = true;
    return holds.create(object);
  } catch (...) {
    if (registered) {
      drop_reference(object);
    } else {
      discard_object(object);
    }
    throw;
  }
}

Hold& Hold::arrive(std::uint64_t word, ObjectKind kind) { return Holds::get().arrive(word, kind); }

void Hold::drop_handle() noexcept {
  // Not the last one needs no lock. relaxed: who does not delete it is ordered by whoever does
  std::uint64_t handles = handles_.load(std::memory_order_relaxed);
  while (handles > 1) {
    if (handles_.compare_exchange_weak(handles, handles - 1, std::memory_order_release, std::memory_order_relaxed)) {
      return;
    }
  }
  Holds::get().drop(*this);
}

std::uint64_t Hold::send() {
  SharedObject& it = object();
  add_reference(it);
  return word_of(it);
}

void Hold::throw_inherited() {
  throw RuntimeError(
      "plait: this handle of a shared object was inherited by fork() and is not this process's; processes that plait "
      "starts get handles as arguments, or in messages");
}

void lend_holds(OwnerId child) { Holds::get().lend(child); }
void accept_holds(OwnerId self) noexcept { Holds::get().accept(self); }

}  // namespace plait::shm
