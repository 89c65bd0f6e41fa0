// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// LifoQueue: Python's queue.LifoQueue, what was put last comes out first.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "plait/detail/item_vector.hpp"
#include "plait/queue/basic_queue.hpp"

namespace plait::detail {

template <class T>
class Stack {
 public:
  static constexpr bool is_empty_when_moved_from = true;

  void push(T&& item) {
    items_.reserve();
    items_.push_back(std::move(item));
  }
  T pop() {
    return pop_to([](T&& item) { return T(std::move(item)); });
  }
  void pop_into(std::optional<T>& place) {
    pop_to([&](T&& item) { place.emplace(std::move(item)); });
  }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  void clear() noexcept { items_.clear(); }

 private:
  template <class F>
  auto pop_to(F take) {
    const OnSuccess remove([this]() noexcept { items_.pop_back(); });
    return take(std::move(items_[items_.size() - 1]));
  }

  ItemVector<T> items_;
};

}  // namespace plait::detail

namespace plait::queue {

// As BasicQueue (plait/queue/basic_queue.hpp), whose calls these are.
//
//   plait::queue::LifoQueue<int> queue;
//   queue.put(1);
//   queue.put(2);
//   int last = queue.get();  // 2
template <class T>
class LifoQueue : public BasicQueue<T, detail::Stack<T>> {
 public:
  // maxsize <= 0: without bound.
  explicit LifoQueue(std::int64_t maxsize = 0) : BasicQueue<T, detail::Stack<T>>(maxsize) {}
};

}  // namespace plait::queue
