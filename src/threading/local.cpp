// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/local.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "os/futex.hpp"
#include "threading/thread_end.hpp"
#include "threading/thread_registry.hpp"

namespace plait::detail {

constinit thread_local LocalEntries local_entries;

// A thread's values. Made with the first of them, gone with the last.
struct LocalTable {
  static LocalTable& of_this_thread();

  void make_room(std::size_t slot);
  void take(std::unique_ptr<LocalNode> node, const LocalBase& local) noexcept;
  void destroy_values() noexcept;
  void destroy_value(std::size_t slot) noexcept;

  std::vector<LocalEntry> entries;  // by slot; only its thread uses them
  std::vector<LocalNode*> nodes;    // by slot; guarded by Locals::mutex
  std::uint64_t process = 0;        // in which the thread runs, see Locals::forks; guarded likewise
};

namespace {

constinit thread_local LocalTable* table = nullptr;

// Never destroyed. fork() waits for the mutex.
struct Locals {
  static Locals& get() {
    static Locals& locals = *new Locals;
    return locals;
  }

  std::mutex mutex;
  // Guarded by it.
  std::uint64_t last_number = 0;
  std::size_t slots = 0;
  std::vector<std::size_t> free_slots;
  std::uint64_t forks = 0;              // between the program's first process and this one
  LocalNode* lost = nullptr;            // values that are never destroyed
  int waiting = 0;                      // destructors of locals
  std::atomic<std::uint32_t> death{0};  // changes when a thread has destroyed a value; a futex word

 private:
  Locals() {
    pthread_atfork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); },
                   [] {
                     if (++get().forks; table != nullptr) table->process = get().forks;
                     get().waiting = 0;
                     get().mutex.unlock();
                   });
  }
};

// Before main(), so that no fork comes between.
[[maybe_unused]] const Locals& made_early = Locals::get();

bool program_is_over() noexcept {
  ThreadRegistry& registry = ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  return registry.exit == ThreadRegistry::Exit::over;
}

}  // namespace

// ---- the values of a thread --------------------------------------------------------------------------------------

LocalTable& LocalTable::of_this_thread() {
  if (table == nullptr) {
    watch_thread_end();
    auto made = std::make_unique<LocalTable>();
    const std::scoped_lock lock(Locals::get().mutex);
    made->process = Locals::get().forks;
    table = made.release();
  }
  return *table;
}

void LocalTable::make_room(std::size_t slot) {
  if (slot < entries.size()) return;
  const std::size_t size = std::max({slot + 1, 2 * entries.size(), std::size_t{8}});
  {
    const std::scoped_lock lock(Locals::get().mutex);
    nodes.resize(size);
  }
  entries.resize(size);
  local_entries = {entries.data(), entries.size()};
}

void LocalTable::take(std::unique_ptr<LocalNode> node, const LocalBase& local) noexcept {
  entries[local.slot_] = {local.number_, node->value()};
  node->table_ = this;
  node->slot_ = local.slot_;
  node->local_ = &local;
  const std::scoped_lock lock(Locals::get().mutex);
  node->next_ = local.first_;
  if (local.first_ != nullptr) local.first_->previous_ = node.get();
  local.first_ = node.get();
  nodes[node->slot_] = node.get();
  static_cast<void>(node.release());
}

// What is destroyed may use locals, whose values are then made again, though not for ever: as in PTHREAD, a few rounds.
void LocalTable::destroy_values() noexcept {
  Locals& locals = Locals::get();
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) {
    for (std::size_t slot = entries.size(); slot-- > 0;) {
      if (entries[slot].number != 0) destroy_value(slot);
    }
  }
  const std::scoped_lock lock(locals.mutex);
  for (LocalNode* const node : nodes) {
    if (node == nullptr) continue;
    node->local_->unlink(*node);
    node->next_ = std::exchange(locals.lost, node);
  }
}

void LocalTable::destroy_value(std::size_t slot) noexcept {
  Locals& locals = Locals::get();
  std::unique_lock lock(locals.mutex);
  const std::unique_ptr<LocalNode> node(std::exchange(nodes[slot], nullptr));
  if (node == nullptr) return;
  node->is_dying_ = true;  // and still in the list of its local, which waits for it
  lock.unlock();
  const std::uint64_t number = entries[slot].number;
  node->destroy_value();  // which finds the value if it uses its local; or destroys that, and the slot is another's
  if (entries[slot].number == number) entries[slot] = {};
  lock.lock();
  if (node->local_ == nullptr) return;
  node->local_->unlink(*node);
  locals.death.fetch_add(1, std::memory_order_relaxed);  // ordered by the mutex
  if (locals.waiting > 0) os::futex_wake(locals.death, INT_MAX, os::Scope::private_);
}

void destroy_local_values() noexcept {
  if (table == nullptr) return;
  table->destroy_values();
  local_entries = {};
  delete std::exchange(table, nullptr);
}

// ---- a local -----------------------------------------------------------------------------------------------------

LocalBase::LocalBase() {
  Locals& locals = Locals::get();
  const std::scoped_lock lock(locals.mutex);
  number_ = ++locals.last_number;
  if (locals.free_slots.empty()) {
    locals.free_slots.reserve(locals.slots + 1);  // so that giving it back cannot fail
    slot_ = locals.slots++;
  } else {
    slot_ = locals.free_slots.back();
    locals.free_slots.pop_back();
  }
}

LocalBase::~LocalBase() {
  Locals& locals = Locals::get();
  const bool is_over = program_is_over();
  std::unique_lock lock(locals.mutex);
  // Whose thread is not there, or may be using it while the program ends.
  const auto is_lost = [&](const LocalNode& node) {
    return node.table_->process != locals.forks || (is_over && node.table_ != table);
  };
  while (first_ != nullptr) {
    LocalNode* node = first_;
    // Those that their threads destroy are gone soon; unless it is this thread, and one of them destroys the local.
    while (node != nullptr && node->is_dying_ && node->table_ != table && !is_lost(*node)) node = node->next_;
    if (node == nullptr) {
      const std::uint32_t death = locals.death.load(std::memory_order_relaxed);
      ++locals.waiting;
      lock.unlock();
      os::futex_wait(locals.death, death, std::nullopt, os::Scope::private_);
      lock.lock();
      --locals.waiting;
      continue;
    }
    unlink(*node);
    if (is_lost(*node)) {
      node->next_ = std::exchange(locals.lost, node);
    } else if (!node->is_dying_) {
      node->table_->nodes[slot_] = nullptr;
      lock.unlock();
      node->destroy_value();
      delete node;
      lock.lock();
    }
  }
  locals.free_slots.push_back(slot_);
}

void LocalBase::unlink(LocalNode& node) const noexcept {
  (node.previous_ == nullptr ? first_ : node.previous_->next_) = node.next_;
  if (node.next_ != nullptr) node.next_->previous_ = node.previous_;
  node.local_ = nullptr;
}

void* LocalBase::add(std::unique_ptr<LocalNode> node) const {
  LocalTable& mine = LocalTable::of_this_thread();
  mine.make_room(slot_);
  if (find() == nullptr) mine.take(std::move(node), *this);
  return find();
}

}  // namespace plait::detail
