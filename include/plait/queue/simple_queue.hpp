// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// SimpleQueue: Python's queue.SimpleQueue, a FIFO without bound, tasks and shutdown that nothing of the items runs
// inside.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/detail/block_list.hpp"
#include "plait/detail/node_list.hpp"
#include "plait/detail/queue_core.hpp"
#include "plait/queue/options.hpp"
#include "plait/until.hpp"

namespace plait::queue {

// First in, first out; put never waits. Thread-safe and reentrant: T's constructors, moves and destructor run while no
// lock of the queue is held, and may use the queue. What a thread did before its put is seen by the one that gets the
// item.
//
// When a copy, a move or an allocation throws, that leaves the call and no item is lost or doubled: one whose move in
// throws stays with the caller, one whose move out throws goes back to the front. Small trivial items are kept in
// blocks of some 2 KiB, others one by one.
//
// Destroyed with what is in it, item by item, when no thread is in one of its calls; also right after a get(), though
// the put() of that item is in its last instructions in another thread. After fork() nobody waits in the child; a lock
// that another thread held stays held there.
//
//   plait::queue::SimpleQueue<std::string> lines;
//   plait::threading::Thread reader([&] { while (auto line = read_line()) lines.put(*line); });
//
// Differs from Python: try_get. Not lock-free: its two locks, one for each end, are faster.
template <class T>
class SimpleQueue {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T>,
                "plait: items are moved into a queue and out of it, and destroyed without throwing");

 public:
  using value_type = T;

  SimpleQueue() = default;
  SimpleQueue(const SimpleQueue&) = delete;
  SimpleQueue& operator=(const SimpleQueue&) = delete;
  ~SimpleQueue();

  // Throws std::bad_alloc: nothing has changed, and a moved item is the caller's still.
  void put(T&& item) { insert(Kept::make(std::move(item))); }
  void put(const T& item)
    requires std::copy_constructible<T>
  {
    insert(Kept::make(item));
  }
  // The same: there is always room. Options are taken, as in Python, for the sake of those that use any queue.
  void put(const PutOptions& /*options*/, T&& item) { put(std::move(item)); }
  void put(const PutOptions& /*options*/, const T& item)
    requires std::copy_constructible<T>
  {
    put(item);
  }
  void put_nowait(T&& item) { put(std::move(item)); }
  void put_nowait(const T& item)
    requires std::copy_constructible<T>
  {
    put(item);
  }
  template <class... Args>
    requires std::constructible_from<T, Args...>
  void emplace(Args&&... args) {
    insert(Kept::make(std::forward<Args>(args)...));
  }

  // Waits while the queue is empty.
  T get() { return static_cast<void>(core_.lock_for_take<true>(nullptr)), take(); }
  // Throws Empty: there was nothing, in time, or a stop was requested; ValueError: a timeout below zero, when it
  // blocks.
  T get(const GetOptions& options);
  T get_nowait() { return lock_for_take(&detail::no_wait), take(); }
  // Nothing instead of Empty. Without `until`, and with zero and less, it does not wait.
  [[nodiscard]] std::optional<T> try_get(const Until& until = detail::no_wait);

  // Snapshots.
  [[nodiscard]] std::size_t qsize() const noexcept { return core_.size(); }
  [[nodiscard]] bool empty() const noexcept { return core_.size() == 0; }

 private:
  // How an item is kept: in place, or in a node.
  struct InPlace {
    template <class... Args>
    static InPlace make(Args&&... args) {
      return {T(std::forward<Args>(args)...)};
    }

    T item;
  };
  struct Node {
    template <class... Args>
    explicit Node(std::in_place_t /*unused*/, Args&&... args) : item(std::forward<Args>(args)...) {}

    T item;
    std::atomic<Node*> next{nullptr};
  };
  struct InNode {
    template <class... Args>
    static InNode make(Args&&... args) {
      return {std::make_unique<Node>(std::in_place, std::forward<Args>(args)...)};
    }

    std::unique_ptr<Node> node;
  };
  static constexpr bool in_place = std::is_trivially_copyable_v<T> && sizeof(T) <= 4 * sizeof(void*);
  using Kept = std::conditional_t<in_place, InPlace, InNode>;
  class Holder;

  void insert(Kept kept);
  void lock_for_take(const Until* until) {
    const detail::QueueOutcome outcome = core_.lock_for_take<true>(until);
    if (outcome != detail::QueueOutcome::ready) detail::throw_empty(outcome);
  }
  // With the take lock, which it gives up.
  Kept take_kept() noexcept;
  T take();

  detail::QueueCore core_{detail::Untraced{}};
  std::conditional_t<in_place, detail::BlockList<T>, detail::NodeList<Node>> items_;  // ends guarded by core_'s locks
  Node* returned_ = nullptr;  // those that could not be moved out, ahead of items_; guarded by the take lock
};

// Has a node while its item is moved out. If that throws it goes back.
template <class T>
class SimpleQueue<T>::Holder {
 public:
  Holder(SimpleQueue& queue, InNode kept) noexcept : queue_(queue), node_(std::move(kept.node)) {}
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    if (std::uncaught_exceptions() == exceptions_) return;
    queue_.core_.lock_for_untake();
    node_->next.store(queue_.returned_, std::memory_order_relaxed);
    queue_.returned_ = node_.release();
    queue_.core_.untake();
  }

  T& item() noexcept { return node_->item; }

 private:
  SimpleQueue& queue_;
  std::unique_ptr<Node> node_;
  const int exceptions_ = std::uncaught_exceptions();
};

// An item's destructor may use the queue: it finds what is left.
template <class T>
SimpleQueue<T>::~SimpleQueue() {
  if constexpr (!in_place) {
    while (core_.lock_for_take<true>(&detail::no_wait) == detail::QueueOutcome::ready) take_kept();
  }
}

template <class T>
void SimpleQueue<T>::insert(Kept kept) {
  static_cast<void>(core_.lock_for_put<true>(nullptr));  // there is always room
  if constexpr (in_place) {
    try {
      items_.push(std::move(kept.item));
    } catch (...) {
      core_.did_not_put();
      throw;
    }
  } else {
    items_.push(std::move(kept.node));
  }
  core_.did_put();
}

template <class T>
auto SimpleQueue<T>::take_kept() noexcept -> Kept {
  if constexpr (in_place) {
    const Kept kept{items_.front()};
    items_.pop_front();
    core_.took_unbounded();
    return kept;
  } else {
    Kept kept;
    if (returned_ != nullptr) {
      kept.node.reset(returned_);
      returned_ = returned_->next.load(std::memory_order_relaxed);
    } else {
      kept.node = items_.pop_front(core_.put_lock());
    }
    core_.took_unbounded();
    return kept;
  }
}

template <class T>
T SimpleQueue<T>::take() {
  if constexpr (in_place) {
    return take_kept().item;
  } else if constexpr (std::is_nothrow_move_constructible_v<T>) {
    return T(std::move(take_kept().node->item));
  } else {
    Holder holder(*this, take_kept());
    return T(std::move(holder.item()));
  }
}

template <class T>
T SimpleQueue<T>::get(const GetOptions& options) {
  if (options.block && options.timeout.deadline().is_negative()) core_.refuse_timeout_of_get();
  lock_for_take(options.block ? &options.timeout : &detail::no_wait);
  return take();
}

template <class T>
std::optional<T> SimpleQueue<T>::try_get(const Until& until) {
  std::optional<T> item;
  if (core_.lock_for_take<true>(&until) == detail::QueueOutcome::ready) {
    if constexpr (in_place || std::is_nothrow_move_constructible_v<T>) {
      item.emplace(take());
    } else {
      Holder holder(*this, take_kept());
      item.emplace(std::move(holder.item()));
    }
  }
  return item;
}

}  // namespace plait::queue
