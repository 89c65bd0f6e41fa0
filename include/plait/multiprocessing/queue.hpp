// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Queues between processes: Python's multiprocessing.Queue, JoinableQueue and SimpleQueue.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "plait/detail/shared_queue.hpp"
#include "plait/detail/wire/encode.hpp"
#include "plait/queue/options.hpp"

namespace plait::detail {

inline const Until do_not_wait = std::chrono::nanoseconds::zero();

}  // namespace plait::detail

namespace plait::multiprocessing {

using queue::GetOptions;
using queue::PutOptions;

// First in, first out, between any number of processes that put and that get. A handle
// (plait/detail/shared_handle.hpp): copies, in whatever process, are of the same queue, also in processes of pools that
// run already.
//
// Items are values that travel (plait/wire.hpp), of any size. put() encodes the item and copies it into shared memory:
// when it has returned the item is there, whatever becomes of the process; there is no thread that brings it. get()
// decodes it. What a process did before its put is seen by the one that gets the item. An item of over 4080 encoded
// bytes has a block of shared memory to itself.
//
// A process may be killed at any instruction: nobody waits for it, the others find the queue in order, and lost is at
// most the item that it had in its hands. Bounds count items; unbounded is bounded by memory. Fairness as Lock's.
//
// When encoding or decoding throws, that leaves the call: in put() nothing has changed, in get() the item is gone. All
// calls throw RuntimeError if the handle was inherited by fork(). A wait may spin for up to 50 µs.
//
//   void write(mp::Queue<char> q) { for (char c : {'A', 'B', 'C'}) q.put(c); }
//   mp::Queue<char> q;
//   mp::Process writer(write, q);
//
// Differs from Python: put() does what there a thread does later, so that its errors are put's, and a process need not
// stay until its items are read; shutdown(), try_put(), try_get() and iteration are those of plait::queue.
template <class T>
class Queue : public detail::SharedQueueHandle {
  static_assert(wire::Shippable<T>,
                "plait: items of a queue between processes must be able to travel (plait/wire.hpp)");

 public:
  using value_type = T;
  class Iterator;

  // maxsize <= 0: without bound. Throws OutOfSharedMemory.
  explicit Queue(std::int64_t maxsize = 0) : SharedQueueHandle(maxsize, false) {}
  explicit Queue(detail::ArrivedHandle arrived) : SharedQueueHandle(arrived) {}

  // Waits while the queue is full, if it has a bound. Throws ShutDown, also when it is shut down meanwhile; ValueError:
  // it is closed in this process; OutOfSharedMemory; EncodeError, and what serializers throw.
  void put(const T& item) const { check_put(insert(item, {})); }
  // Throws, too: Full: no room, in time. A timeout of zero and less tries once.
  void put(const PutOptions& options, const T& item) const {
    check_put(insert(item, options.block ? options.timeout : detail::do_not_wait));
  }
  // Does not wait: put({.block = false}, item).
  void put_nowait(const T& item) const { check_put(insert(item, detail::do_not_wait)); }
  // put(T(args...)).
  template <class... Args>
    requires std::constructible_from<T, Args...>
  void emplace(Args&&... args) const {
    put(T(std::forward<Args>(args)...));
  }
  // False instead of Full. Without `until` it does not wait.
  [[nodiscard]] bool try_put(const T& item, const Until& until = detail::do_not_wait) const {
    const Outcome outcome = insert(item, until);
    if (outcome == Outcome::shut_down) detail::throw_not_put(outcome);
    return outcome == Outcome::done;
  }

  // Waits while the queue is empty. Throws ShutDown: it is empty and was shut down, also when that happens meanwhile;
  // ValueError: it is closed in this process; DecodeError, and what serializers throw: the item is gone.
  T get() const { return take({}); }
  // Throws, too: Empty: there was nothing, in time. A timeout of zero and less tries once.
  T get(const GetOptions& options) const { return take(options.block ? options.timeout : detail::do_not_wait); }
  // Does not wait: get({.block = false}). Never Empty when a put has returned before that nobody has got.
  T get_nowait() const { return take(detail::do_not_wait); }
  // Nothing instead of Empty. Without `until` it does not wait.
  [[nodiscard]] std::optional<T> try_get(const Until& until = detail::do_not_wait) const {
    detail::QueueParcel parcel;
    const Outcome outcome = SharedQueueHandle::get(parcel, until);
    if (outcome == Outcome::shut_down) detail::throw_not_got(outcome);
    return outcome == Outcome::done ? std::optional<T>(wire::decode<T>(parcel.bytes(), parcel.handles()))
                                    : std::nullopt;
  }

  // The queue is a range of its get()s: `for (auto item : queue) work(item);` ends when it is empty and was shut down.
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  // Snapshots. Throw std::system_error (EBADF): it is closed in this process.
  [[nodiscard]] std::size_t qsize() const { return size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool full() const {
    const std::size_t count = size();
    return maxsize() > 0 && count >= static_cast<std::size_t>(maxsize());
  }

  // As it was given.
  using SharedQueueHandle::maxsize;

  // From now on put throws ShutDown in all processes, and get when the queue is empty; who waits in them is woken to do
  // so. `immediate`: what is in it is dropped, and counts as done. May be called again, and then with `immediate`.
  void shutdown(bool immediate = false) const { shut_down(immediate); }
  void shutdown(const queue::ShutdownOptions& options) const { shut_down(options.immediate); }
  [[nodiscard]] bool is_shutdown() const { return is_shut_down(); }

  // This process is not going to use the queue any more: all its handles throw. Items stay. May be repeated.
  void close() const noexcept { SharedQueueHandle::close(); }
  // There is nothing to wait for: what was put is there. Throws AssertionError: the queue is not closed.
  void join_thread() const {
    if (!is_closed()) detail::throw_join_of_open_queue();
  }
  // Does nothing: the end of a process waits for no queue.
  void cancel_join_thread() const noexcept {}

 protected:
  Queue(std::int64_t maxsize, bool of_tasks) : SharedQueueHandle(maxsize, of_tasks) {}

 private:
  using Outcome = detail::SharedQueueOutcome;

  static void check_put(Outcome outcome) {
    if (outcome != Outcome::done) detail::throw_not_put(outcome);
  }
  Outcome insert(const T& item, const Until& until) const {
    detail::QueueParcel parcel(wire::message_size(item));
    wire::encode(item, {parcel.bytes(), parcel.handles()});
    return SharedQueueHandle::put(parcel, until);
  }
  T take(const Until& until) const {
    detail::QueueParcel parcel;
    const Outcome outcome = SharedQueueHandle::get(parcel, until);
    if (outcome != Outcome::done) detail::throw_not_got(outcome);
    return wire::decode<T>(parcel.bytes(), parcel.handles());
  }
};

// Single pass; made by begin(). Holds the item that it has come to.
template <class T>
class Queue<T>::Iterator {
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
  friend Queue;
  explicit Iterator(const Queue& queue) : queue_(queue) {}
  void fetch() const {
    if (item_.has_value()) return;
    detail::QueueParcel parcel;
    if (queue_.SharedQueueHandle::get(parcel, {}) == Outcome::done)
      item_.emplace(wire::decode<T>(parcel.bytes(), parcel.handles()));
  }

  Queue queue_;
  mutable std::optional<T> item_;  // nothing: not fetched yet
};

// A Queue of tasks.
//
// Of a process that dies or fails (ends with an exit code that is not 0), what it had got and not called done is done:
// join() waits for no dead. What one had got that ended well is for others to call done, as in Python.
//
// Differs from Python: there join() waits for ever for what a dead process had got.
template <class T>
class JoinableQueue : public Queue<T> {
 public:
  // As Queue.
  explicit JoinableQueue(std::int64_t maxsize = 0) : Queue<T>(maxsize, true) {}
  explicit JoinableQueue(detail::ArrivedHandle arrived) : Queue<T>(arrived) {}

  // To be called once for each item that was got, when the work with it is done, by whatever process. (If another than
  // the one that got it calls this, and that one dies later, the item may be counted twice.) Throws ValueError: more
  // often than put.
  void task_done() const { detail::SharedQueueHandle::task_done(); }
  // Waits until task_done() has been called for all that was put; at once if it has. False: not in time, or a stop was
  // requested.
  void join() const { static_cast<void>(detail::SharedQueueHandle::join({})); }
  [[nodiscard]] bool join(const Until& until) const { return detail::SharedQueueHandle::join(until); }
  // Items put less task_done().
  [[nodiscard]] std::size_t unfinished_tasks() const { return detail::SharedQueueHandle::unfinished_tasks(); }
};

// The least of queues: without bound, timeouts and tasks. Otherwise as Queue.
//
// Differs from Python: put() never waits, for there is always room.
template <class T>
class SimpleQueue : public detail::SharedQueueHandle {
  static_assert(wire::Shippable<T>,
                "plait: items of a queue between processes must be able to travel (plait/wire.hpp)");

 public:
  using value_type = T;

  // Throws OutOfSharedMemory.
  SimpleQueue() : SharedQueueHandle(0, false) {}
  explicit SimpleQueue(detail::ArrivedHandle arrived) : SharedQueueHandle(arrived) {}

  // Throw std::system_error (EBADF): it is closed in this process; and as Queue's.
  void put(const T& item) const {
    check_open();
    detail::QueueParcel parcel(wire::message_size(item));
    wire::encode(item, {parcel.bytes(), parcel.handles()});
    SharedQueueHandle::put(parcel, {});
  }
  T get() const {
    check_open();
    detail::QueueParcel parcel;
    SharedQueueHandle::get(parcel, {});
    return wire::decode<T>(parcel.bytes(), parcel.handles());
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  void close() const noexcept { SharedQueueHandle::close(); }

 private:
  void check_open() const { static_cast<void>(size()); }
};

}  // namespace plait::multiprocessing
