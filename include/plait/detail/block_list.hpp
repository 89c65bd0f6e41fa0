// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Items in the order of their coming, in a list of blocks: one thread may push while another one takes from the front,
// each under a lock of its own. Nothing is moved when it grows, and blocks go back as they are used up, but for one.

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace plait::detail {

// push() is guarded by one lock, front() and pop_front() by another one. Who takes must have learnt, through something
// that synchronizes with the push, that the item is there.
template <class T>
class BlockList {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T>,
                "plait: items are moved into a queue and out of it, and destroyed without throwing");

 public:
  static constexpr bool has_two_ends = true, is_empty_when_moved_from = true;

  BlockList() noexcept = default;
  // Takes everything out of `other`.
  BlockList(BlockList&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        tail_(std::exchange(other.tail_, nullptr)),
        tail_index_(std::exchange(other.tail_index_, slots)),
        head_(std::exchange(other.head_, nullptr)),
        head_index_(std::exchange(other.head_index_, slots)) {}
  BlockList& operator=(BlockList&&) = delete;
  ~BlockList() {
    while (!is_empty()) {
      front();
      pop_front();
    }
    delete head_;
    delete spare_.load(std::memory_order_relaxed);
  }

  // Throws std::bad_alloc, or what the move throws; then nothing has changed.
  void push(T&& item) {
    if (tail_index_ == slots) {
      std::unique_ptr<Block> fresh(new_block());
      std::construct_at(fresh->slot(0), std::move(item));
      fresh->next = nullptr;
      (tail_ == nullptr ? first_ : tail_->next) = fresh.get();
      tail_ = fresh.release();
      tail_index_ = 1;
    } else {
      std::construct_at(tail_->slot(tail_index_), std::move(item));
      ++tail_index_;
    }
  }

  // There must be one.
  T& front() noexcept {
    if (head_index_ == slots) {
      Block* const next = head_ == nullptr ? first_ : head_->next;
      if (head_ != nullptr) give_back(head_);
      head_ = next;
      head_index_ = 0;
    }
    return *head_->slot(head_index_);
  }
  // What front() has returned.
  void pop_front() noexcept {
    std::destroy_at(head_->slot(head_index_));
    ++head_index_;
  }

 private:
  static constexpr std::size_t block_size = 2048, fewest_slots = 8;
  static constexpr std::size_t slots = std::max(fewest_slots, (block_size - sizeof(void*)) / sizeof(T));

  struct Block {
    T* slot(std::size_t index) noexcept { return std::launder(reinterpret_cast<T*>(memory)) + index; }

    Block* next;
    alignas(T) std::byte memory[slots * sizeof(T)];
  };

  // For the destructor.
  [[nodiscard]] bool is_empty() const noexcept {
    if (head_index_ != slots) return head_ == tail_ && head_index_ == tail_index_;
    return (head_ == nullptr ? first_ : head_->next) == nullptr;
  }
  Block* new_block() {
    // acquire: pairs with give_back()
    Block* const spare = spare_.exchange(nullptr, std::memory_order_acquire);
    return spare != nullptr ? spare : new Block;
  }
  void give_back(Block* block) noexcept { delete spare_.exchange(block, std::memory_order_acq_rel); }

  // For who pushes.
  Block* first_ = nullptr;  // ever; only for who takes the first
  Block* tail_ = nullptr;
  std::size_t tail_index_ = slots;  // of tail_, where the next goes

  // For who takes; on another line.
  alignas(64) Block* head_ = nullptr;
  std::size_t head_index_ = slots;  // of head_, the front
  std::atomic<Block*> spare_{nullptr};
};

}  // namespace plait::detail
