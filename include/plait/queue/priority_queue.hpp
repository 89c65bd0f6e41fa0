// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// PriorityQueue: Python's queue.PriorityQueue, the lowest item comes out first.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "plait/detail/item_vector.hpp"
#include "plait/queue/basic_queue.hpp"

namespace plait::detail {

// A binary heap. All comparisons come before the first change, so that one that throws changes nothing.
template <class T, class Compare>
class Heap {
 public:
  static constexpr bool is_empty_when_moved_from = true;

  explicit Heap(Compare compare) : compare_(std::move(compare)) {}

  void push(T&& item) {
    items_.reserve();
    std::size_t place = items_.size();
    while (place != 0 && compare_(std::as_const(item), std::as_const(items_[parent(place)]))) place = parent(place);
    items_.push_back(std::move(item));
    for (std::size_t at = items_.size() - 1; at != place; at = parent(at)) {
      std::swap(items_.slot(at), items_.slot(parent(at)));
    }
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
  static constexpr std::size_t parent(std::size_t place) noexcept { return (place - 1) / 2; }

  template <class F>
  auto pop_to(F take) {
    // The way of the gap that the first leaves, down to where the last can fill it.
    std::array<std::size_t, std::numeric_limits<std::size_t>::digits> way;
    std::size_t steps = 0;
    const std::size_t last = items_.size() - 1;
    for (std::size_t gap = 0, child = 1; child < last; gap = child, child = 2 * gap + 1) {
      if (child + 1 < last && compare_(std::as_const(items_[child + 1]), std::as_const(items_[child]))) ++child;
      if (!compare_(std::as_const(items_[child]), std::as_const(items_[last]))) break;
      way[steps++] = child;
    }
    const OnSuccess remove([&]() noexcept {
      std::size_t gap = 0;
      for (std::size_t step = 0; step < steps; gap = way[step++]) items_.slot(gap) = std::move(items_.slot(way[step]));
      if (gap != last) items_.slot(gap) = std::move(items_.slot(last));
      items_.pop_back();
    });
    return take(std::move(items_[0]));
  }

  ItemVector<T> items_;
  [[no_unique_address]] Compare compare_;
};

}  // namespace plait::detail

namespace plait::queue {

// As BasicQueue (plait/queue/basic_queue.hpp), whose calls these are. The lowest is the one that none is less than, by
// Compare; of several such, any may come out first. put and get take O(log n) comparisons, which are made while the
// queue's lock is held.
//
// Differs from Python: std::greater gives the highest first; there is no need to negate.
//
//   plait::queue::PriorityQueue<std::pair<int, std::string>> jobs;
//   jobs.put({2, "later"});
//   jobs.put({1, "now"});
//   auto [priority, job] = jobs.get();  // 1, "now"
template <class T, std::predicate<const T&, const T&> Compare = std::less<T>>
class PriorityQueue : public BasicQueue<T, detail::Heap<T, Compare>> {
 public:
  // maxsize <= 0: without bound.
  explicit PriorityQueue(std::int64_t maxsize = 0, Compare compare = {})
      : BasicQueue<T, detail::Heap<T, Compare>>(maxsize, detail::Heap<T, Compare>(std::move(compare))) {}
};

}  // namespace plait::queue
