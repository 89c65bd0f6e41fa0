// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the containers of LifoQueue and PriorityQueue keep their items in, and OnSuccess, which takes an item out of
// there when it has arrived elsewhere.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace plait::detail {

// Calls a function at the end of its scope, unless an exception leaves it.
template <class F>
class OnSuccess {
 public:
  explicit OnSuccess(F function) noexcept : function_(std::move(function)) {}
  OnSuccess(const OnSuccess&) = delete;
  OnSuccess& operator=(const OnSuccess&) = delete;
  ~OnSuccess() {
    if (std::uncaught_exceptions() == exceptions_) function_();
  }

 private:
  F function_;
  const int exceptions_ = std::uncaught_exceptions();
};

// A vector whose slots move without throwing: where T may throw they are pointers. It gives memory back when only a
// quarter of it is used.
template <class T>
class ItemVector {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T>,
                "plait: items are moved into a queue and out of it, and destroyed without throwing");

  struct InPlace {  // not T itself, for there is no vector like std::vector<bool>
    explicit InPlace(T&& its_item) noexcept : item(std::move(its_item)) {}

    T item;
  };
  static constexpr bool in_place = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

 public:
  using Slot = std::conditional_t<in_place, InPlace, std::unique_ptr<T>>;

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  T& operator[](std::size_t index) noexcept {
    if constexpr (in_place) {
      return slots_[index].item;
    } else {
      return *slots_[index];
    }
  }
  Slot& slot(std::size_t index) noexcept { return slots_[index]; }

  // Room for one more. Throws std::bad_alloc.
  void reserve() {
    if (slots_.size() == slots_.capacity()) slots_.reserve(std::max(fewest, 2 * slots_.capacity()));
  }
  // After reserve(). Throws what the move throws, and std::bad_alloc; then nothing has changed.
  void push_back(T&& item) {
    if constexpr (in_place) {
      slots_.emplace_back(std::move(item));
    } else {
      slots_.push_back(std::make_unique<T>(std::move(item)));
    }
  }
  void pop_back() noexcept {
    slots_.pop_back();
    if (slots_.capacity() > fewest_kept && slots_.size() < slots_.capacity() / 4) shrink();
  }
  void clear() noexcept { slots_ = {}; }

 private:
  static constexpr std::size_t fewest = 8, fewest_kept = 512;

  void shrink() noexcept {
    try {
      std::vector<Slot> smaller;
      smaller.reserve(slots_.capacity() / 2);
      for (Slot& slot : slots_) smaller.push_back(std::move(slot));
      slots_.swap(smaller);
    } catch (const std::bad_alloc&) {  // then it stays as large as it is
      return;
    }
  }

  std::vector<Slot> slots_;
};

}  // namespace plait::detail
