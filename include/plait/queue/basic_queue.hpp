// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// BasicQueue: what Queue, LifoQueue and PriorityQueue are, over a container that says which item comes out next. A
// container of one's own is the counterpart of deriving from Python's queue.Queue to override _init, _qsize, _put,
// _get.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "plait/detail/queue_core.hpp"
#include "plait/queue/options.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// A FIFO whose two ends may be worked at by two threads at once (detail/block_list.hpp).
template <class C>
concept two_ended_container = requires { requires C::has_two_ends; };

// plait's own.
template <class C>
concept empty_when_moved_from = requires { requires C::is_empty_when_moved_from; };

template <class C, class T>
concept pops_in_place = requires(C& items, std::optional<T>& place) { items.pop_into(place); };

}  // namespace plait::detail

namespace plait::queue {

// What a queue can keep its items in. It is used by one thread at a time. push() and pop() may throw; the item is then
// not in the container, or still is. What counts as there is what size() says: a container that drops duplicates, say,
// is fine. For items whose moves may throw try_get() and iteration need `items.pop_into(place)`, too, which emplaces
// the item in a std::optional<T>&, and takes it out of the container only when it is there.
template <class C, class T>
concept container = detail::two_ended_container<C> || requires(C& items, T&& item) {
  items.push(std::move(item));
  { items.pop() } -> std::same_as<T>;
  { items.size() } -> std::convertible_to<std::size_t>;
  items.clear();
};

// Items go from threads that put to threads that get. All calls are thread-safe; what a thread did before its put is
// seen by the one that gets the item, and what it did before task_done() by the one that join() lets go.
//
// T is moved in and out while a lock of the queue is held, and what is left of it after the move out is destroyed then,
// too; it is copied while none is. So neither T's moves and comparisons, nor the destructor of an item that has been
// moved from, nor the container may call the queue they are in. When a copy, a move, a comparison or an allocation
// throws, that leaves the call, no item is lost or doubled, and the queue goes on. (An item whose move out throws stays
// in the queue in whatever state its move leaves it.)
//
// Destroyed with what is in it, when no thread is in one of its calls. A get() that has returned may be followed at
// once by the destruction, though the put() of its item is in its last instructions in another thread; the same holds
// for join() and task_done(), and for ShutDown and shutdown(). After fork() nobody waits in the child; a lock that
// another thread held stays held there.
//
// With PLAIT_DEADLOCK=1 in the environment any call that locks may throw DeadlockError, for what runs while a lock of
// the queue is held, and what waits for that, are watched (docs/design/deadlock.md); it has changed nothing then.
//
// Whether a wait is over is told by Empty or Full, be it for the timeout or for a stop that was requested. Who waits is
// woken in the order of coming, but others that come meanwhile may be quicker. A wait may spin for up to 50 µs.
//
//   struct Unique {  // every item once
//     void push(int&& item) { items.insert(item); }
//     int pop() { return items.extract(items.begin()).value(); }
//     std::size_t size() const { return items.size(); }
//     void clear() { items.clear(); }
//     std::set<int> items;
//   };
//   plait::queue::BasicQueue<int, Unique> queue(100);
//
// Differs from Python: as said at the calls; and queues are not copied or moved.
template <class T, container<T> Container>
class BasicQueue {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T>,
                "plait: items are moved into a queue and out of it, and destroyed without throwing");
  static constexpr bool two_ended = detail::two_ended_container<Container>;

 public:
  using value_type = T;
  class Iterator;

  // maxsize <= 0: without bound.
  explicit BasicQueue(std::int64_t maxsize = 0) : core_(maxsize) {}
  // What `items` has counts as put.
  BasicQueue(std::int64_t maxsize, Container items)
    requires(!two_ended)
      : core_(maxsize, items.size()), items_(std::move(items)) {}
  BasicQueue(const BasicQueue&) = delete;
  BasicQueue& operator=(const BasicQueue&) = delete;
  ~BasicQueue() = default;

  // ---- put

  // Waits while the queue is full, if it has a bound. Throws ShutDown, also when it is shut down meanwhile. After any
  // exception `item` is as it was, unless its own move has changed it.
  void put(T&& item) { check_put(insert(nullptr, std::move(item))); }
  void put(const T& item)
    requires std::copy_constructible<T>
  {
    put(T(item));
  }
  // Throws, too: Full: no room, in time; ValueError: a timeout below zero, if it would look at it, that is, when it
  // blocks and the queue has a bound.
  void put(const PutOptions& options, T&& item);
  void put(const PutOptions& options, const T& item)
    requires std::copy_constructible<T>
  {
    put(options, T(item));
  }
  // Does not wait: put({.block = false}, item).
  void put_nowait(T&& item) { check_put(insert(&detail::no_wait, std::move(item))); }
  void put_nowait(const T& item)
    requires std::copy_constructible<T>
  {
    put_nowait(T(item));
  }
  // put(T(args...)).
  template <class... Args>
    requires std::constructible_from<T, Args...>
  void emplace(Args&&... args) {
    put(T(std::forward<Args>(args)...));
  }
  // False instead of Full; `item` is untouched then. Without `until`, and with zero and less, it does not wait. Throws
  // ShutDown.
  [[nodiscard]] bool try_put(T&& item, const Until& until = detail::no_wait);
  [[nodiscard]] bool try_put(const T& item, const Until& until = detail::no_wait)
    requires std::copy_constructible<T>
  {
    return try_put(T(item), until);
  }

  // ---- get

  // Waits while the queue is empty. Throws ShutDown: it is empty and was shut down, also when that happens meanwhile.
  T get() { return check_get(lock_for_take(nullptr)), take(); }
  // Throws, too: Empty: there was nothing, in time; ValueError: a timeout below zero, when it blocks.
  T get(const GetOptions& options);
  // Does not wait: get({.block = false}).
  T get_nowait() { return check_get(lock_for_take(&detail::no_wait)), take(); }
  // Nothing instead of Empty. Without `until`, and with zero and less, it does not wait. Throws ShutDown.
  [[nodiscard]] std::optional<T> try_get(const Until& until = detail::no_wait);

  // The queue is a range of its get()s: `for (auto item : queue) work(item);` ends when it is empty and was shut down.
  // Elements are T&&. What waits, as get() does, is the comparison with end(); it throws nothing but what T's move
  // throws, and the item is in the queue then. What the loop has not come to stays there, too; but an item that it has
  // come to is the loop's, and gone when its way into the loop's variable throws. Several threads may iterate at once;
  // each item comes to one of them.
  Iterator begin() noexcept { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  // ---- tasks

  // To be called once for each item that was got, when the work with it is done. Throws ValueError: more often than
  // put.
  void task_done() { core_.task_done(); }
  // Waits until task_done() has been called for all that was put; at once if it has. False: not in time, or a stop was
  // requested.
  void join() { static_cast<void>(core_.join({})); }
  [[nodiscard]] bool join(const Until& until) { return core_.join(until); }
  // Items put less task_done(): what join() waits for to become 0.
  [[nodiscard]] std::size_t unfinished_tasks() const { return core_.unfinished_tasks(); }

  // ---- state

  // Snapshots: they may be out of date when they return.
  [[nodiscard]] std::size_t qsize() const noexcept { return core_.size(); }
  [[nodiscard]] bool empty() const noexcept { return core_.size() == 0; }
  [[nodiscard]] bool full() const noexcept;

  [[nodiscard]] std::int64_t maxsize() const noexcept { return core_.maxsize(); }
  // A queue that has more than that already stays full until it has less.
  void set_maxsize(std::int64_t maxsize) { core_.set_maxsize(maxsize); }

  // From now on put throws ShutDown, and get when the queue is empty; threads that wait in them are woken to do so.
  // `immediate`: what is in it is dropped, and counts as done, so that join() waits for nothing but what has been got.
  // A container of one's own is told to clear(), with the queue's lock held; when that throws, so does this, the queue
  // is not shut down, and what has been dropped counts as got. May be called again, and then with `immediate`.
  // task_done() and join() work on.
  void shutdown(bool immediate = false);
  void shutdown(const ShutdownOptions& options) { shutdown(options.immediate); }
  [[nodiscard]] bool is_shutdown() const noexcept { return core_.is_shut_down(); }

 private:
  using Outcome = detail::QueueOutcome;

  class Taking;

  static void check_put(Outcome outcome) {
    if (outcome != Outcome::ready) detail::throw_full(outcome);
  }
  static void check_get(Outcome outcome) {
    if (outcome != Outcome::ready) detail::throw_empty(outcome);
  }
  Outcome lock_for_take(const Until* until) { return core_.template lock_for_take<two_ended>(until); }
  Outcome insert(const Until* until, T&& item);
  // After a lock_for_take() that is `ready`.
  T take();
  void take_into(std::optional<T>& place);
  void took() noexcept;
  void did_not_take() noexcept;

  detail::QueueCore core_;
  Container items_;  // its ends are guarded by core_'s locks
};

// Single pass; made by begin(). Holds the item that it has come to, so it lives no longer than the loop, and is not
// copied.
template <class T, container<T> Container>
class BasicQueue<T, Container>::Iterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  Iterator(const Iterator&) = delete;
  Iterator& operator=(const Iterator&) = delete;
  Iterator(Iterator&&) noexcept(std::is_nothrow_move_constructible_v<T>) = default;
  Iterator& operator=(Iterator&&) noexcept(std::is_nothrow_move_constructible_v<T>) = default;
  ~Iterator() = default;

  T&& operator*() const {
    fetch();
    return std::move(*item_);
  }
  Iterator& operator++() noexcept {
    item_.reset();
    return *this;
  }
  void operator++(int) noexcept { item_.reset(); }
  bool operator==(std::default_sentinel_t) const {
    fetch();
    return !item_.has_value();
  }

 private:
  friend BasicQueue;
  explicit Iterator(BasicQueue& queue) noexcept : queue_(&queue) {}
  void fetch() const;

  BasicQueue* queue_;
  mutable std::optional<T> item_;  // nothing: not fetched yet
};

// Ends a get whose item is being moved out: by taking the item from the queue, or, if the move throws, by leaving it.
template <class T, container<T> Container>
class BasicQueue<T, Container>::Taking {
 public:
  explicit Taking(BasicQueue& queue) noexcept : queue_(queue) {}
  Taking(const Taking&) = delete;
  Taking& operator=(const Taking&) = delete;
  ~Taking() {
    if (std::uncaught_exceptions() == exceptions_) {
      queue_.took();
    } else {
      queue_.did_not_take();
    }
  }

 private:
  BasicQueue& queue_;
  const int exceptions_ = std::uncaught_exceptions();
};

template <class T, container<T> Container>
void BasicQueue<T, Container>::put(const PutOptions& options, T&& item) {
  if (options.block && options.timeout.deadline().is_negative() && maxsize() > 0) core_.refuse_timeout_of_put();
  check_put(insert(options.block ? &options.timeout : &detail::no_wait, std::move(item)));
}

template <class T, container<T> Container>
bool BasicQueue<T, Container>::try_put(T&& item, const Until& until) {
  const Outcome outcome = insert(&until, std::move(item));
  if (outcome == Outcome::shut_down) detail::throw_full(outcome);
  return outcome == Outcome::ready;
}

template <class T, container<T> Container>
T BasicQueue<T, Container>::get(const GetOptions& options) {
  if (options.block && options.timeout.deadline().is_negative()) core_.refuse_timeout_of_get();
  check_get(lock_for_take(options.block ? &options.timeout : &detail::no_wait));
  return take();
}

template <class T, container<T> Container>
std::optional<T> BasicQueue<T, Container>::try_get(const Until& until) {
  std::optional<T> item;
  const Outcome outcome = lock_for_take(&until);
  if (outcome == Outcome::shut_down) detail::throw_empty(outcome);
  if (outcome == Outcome::ready) take_into(item);
  return item;
}

template <class T, container<T> Container>
bool BasicQueue<T, Container>::full() const noexcept {
  const std::int64_t bound = maxsize();
  return bound > 0 && core_.size() >= static_cast<std::size_t>(bound);
}

template <class T, container<T> Container>
void BasicQueue<T, Container>::Iterator::fetch() const {
  if (!item_.has_value() && queue_->lock_for_take(nullptr) == Outcome::ready) queue_->take_into(item_);
}

template <class T, container<T> Container>
detail::QueueOutcome BasicQueue<T, Container>::insert(const Until* until, T&& item) {
  const Outcome outcome = core_.template lock_for_put<two_ended>(until);
  if (outcome != Outcome::ready) return outcome;
  try {
    items_.push(std::move(item));
  } catch (...) {
    if constexpr (two_ended) {
      core_.did_not_put();
    } else {
      core_.did_not_put(items_.size());
    }
    throw;
  }
  if constexpr (two_ended) {
    core_.did_put();
  } else {
    core_.did_put(items_.size());
  }
  return outcome;
}

template <class T, container<T> Container>
T BasicQueue<T, Container>::take() {
  if constexpr (two_ended && std::is_nothrow_move_constructible_v<T>) {
    T item(std::move(items_.front()));
    took();
    return item;
  } else {
    const Taking taking(*this);
    if constexpr (two_ended) {
      return T(std::move(items_.front()));
    } else {
      return items_.pop();
    }
  }
}

template <class T, container<T> Container>
void BasicQueue<T, Container>::take_into(std::optional<T>& place) {
  if constexpr (std::is_nothrow_move_constructible_v<T>) {
    place.emplace(take());
  } else {
    static_assert(two_ended || detail::pops_in_place<Container, T>,
                  "plait: try_get() and iteration could lose an item whose move throws: give its type a noexcept move, "
                  "or the container a pop_into(std::optional<T>&)");
    const Taking taking(*this);
    if constexpr (two_ended) {
      place.emplace(std::move(items_.front()));
    } else {
      items_.pop_into(place);
    }
  }
}

template <class T, container<T> Container>
void BasicQueue<T, Container>::took() noexcept {
  if constexpr (two_ended) {
    items_.pop_front();
    core_.took();
  } else {
    core_.took(items_.size());
  }
}

template <class T, container<T> Container>
void BasicQueue<T, Container>::did_not_take() noexcept {
  if constexpr (two_ended) {
    core_.did_not_take();
  } else {
    core_.took(items_.size());
  }
}

template <class T, container<T> Container>
void BasicQueue<T, Container>::shutdown(bool immediate) {
  core_.template lock_all<two_ended>();
  if (!immediate) {
    core_.shut_down_and_unlock<two_ended>(0);
  } else if constexpr (std::is_nothrow_move_constructible_v<Container> && detail::empty_when_moved_from<Container>) {
    const std::size_t count = core_.size();
    const Container dropped(std::move(items_));  // destroyed when the locks have been given up
    core_.shut_down_and_unlock<two_ended>(count);
  } else {
    const std::size_t count = core_.size();
    try {
      items_.clear();
    } catch (...) {
      core_.did_not_put(items_.size());
      throw;
    }
    core_.shut_down_and_unlock<two_ended>(count);
  }
}

}  // namespace plait::queue
