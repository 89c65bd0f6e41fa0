// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Queue, JoinableQueue and SimpleQueue between threads, with the interface of those between processes
// (multiprocessing/queue.hpp): handles, of which copies share one queue. Inside is plait::queue::Queue, which tells how
// it waits. Items are moved, not encoded, so anything movable will do.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "plait/errors.hpp"
#include "plait/multiprocessing/dummy/synchronize.hpp"
#include "plait/queue.hpp"

namespace plait::detail {

// Of one handle: a copy begins as the original is.
class ClosedFlag {
 public:
  ClosedFlag() = default;
  ClosedFlag(const ClosedFlag& other) noexcept : closed_(other.get()) {}
  ClosedFlag& operator=(const ClosedFlag& other) noexcept {
    set(other.get());
    return *this;
  }
  // relaxed: guards no data
  void set(bool closed = true) noexcept { closed_.store(closed, std::memory_order_relaxed); }
  [[nodiscard]] bool get() const noexcept { return closed_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> closed_{false};
};

}  // namespace plait::detail

namespace plait::multiprocessing::dummy {

using queue::GetOptions, queue::PutOptions;

// close() is of this handle and of copies made of it later, as that of a queue between processes is of the process.
template <class T>
class Queue : public detail::DummyHandle<queue::Queue<T>> {
  using Base = detail::DummyHandle<queue::Queue<T>>;

 public:
  using value_type = T;

  // maxsize <= 0: without bound.
  explicit Queue(std::int64_t maxsize = 0) : Base(std::in_place, maxsize) {}

  // As queue::Queue's. Throw ValueError: this handle was closed; queue::Full, Empty, ShutDown. A negative timeout is a
  // poll.
  void put(T item) const { open().put(std::move(item)); }
  void put(const PutOptions& options, T item) const {
    if (!open().try_put(std::move(item), until_of(options))) throw queue::Full();
  }
  void put_nowait(T item) const { open().put_nowait(std::move(item)); }
  template <class... Args>
    requires std::constructible_from<T, Args...>
  void emplace(Args&&... args) const {
    put(T(std::forward<Args>(args)...));
  }
  [[nodiscard]] bool try_put(T item, const Until& until = detail::no_wait) const {
    return open().try_put(std::move(item), until);
  }
  T get() const { return open().get(); }
  T get(const GetOptions& options) const {
    if (std::optional<T> item = open().try_get(until_of(options))) return *std::move(item);
    throw queue::Empty();
  }
  T get_nowait() const { return open().get_nowait(); }
  [[nodiscard]] std::optional<T> try_get(const Until& until = detail::no_wait) const { return open().try_get(until); }

  // `for (auto item : queue) work(item);` ends when it is empty and was shut down.
  auto begin() const { return open().begin(); }
  std::default_sentinel_t end() const noexcept { return {}; }

  [[nodiscard]] std::size_t qsize() const noexcept { return this->object().qsize(); }
  [[nodiscard]] bool empty() const noexcept { return this->object().empty(); }
  [[nodiscard]] bool full() const noexcept { return this->object().full(); }

  void shutdown(bool immediate = false) const { this->object().shutdown(immediate); }
  void shutdown(const queue::ShutdownOptions& options) const { this->object().shutdown(options); }
  [[nodiscard]] bool is_shutdown() const noexcept { return this->object().is_shutdown(); }

  void close() const noexcept { closed_.set(); }
  // There is nothing to wait for, and nothing to lose: what was put is there. Throws AssertionError: not closed.
  void join_thread() const {
    if (!closed_.get()) throw AssertionError("join_thread() comes after close()");
  }
  void cancel_join_thread() const noexcept {}

 private:
  template <class Options>
  static Until until_of(const Options& options) {
    return options.block ? options.timeout : detail::no_wait;
  }
  queue::Queue<T>& open() const {
    if (closed_.get()) throw ValueError("the queue is closed");
    return this->object();
  }

  mutable detail::ClosedFlag closed_;
};

template <class T>
class JoinableQueue : public Queue<T> {
 public:
  using Queue<T>::Queue;

  // Throws ValueError: more often than put.
  void task_done() const { this->object().task_done(); }
  void join() const { this->object().join(); }
  [[nodiscard]] bool join(const Until& until) const { return this->object().join(until); }
  [[nodiscard]] std::size_t unfinished_tasks() const { return this->object().unfinished_tasks(); }
};

template <class T>
class SimpleQueue : public detail::DummyHandle<queue::Queue<T>> {
  using Base = detail::DummyHandle<queue::Queue<T>>;

 public:
  using value_type = T;

  SimpleQueue() : Base(std::in_place) {}

  void put(T item) const { this->object().put(std::move(item)); }
  T get() const { return this->object().get(); }
  [[nodiscard]] bool empty() const noexcept { return this->object().empty(); }
  // There is nothing to give back.
  void close() const noexcept {}
};

}  // namespace plait::multiprocessing::dummy
