// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A first-in first-out list of remote tasks, linked through the tasks themselves. Owns a reference to each.

#include <cstddef>
#include <utility>

#include "plait/detail/remote_task.hpp"

namespace plait::pool {

class TaskList {
 public:
  using Task = detail::RemoteTask;

  TaskList() = default;
  TaskList(TaskList&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  TaskList& operator=(TaskList&&) = delete;
  ~TaskList() {
    while (!empty()) pop_front();
  }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Task& front() noexcept { return *first_; }

  void push_back(detail::Ref<Task> task) noexcept {
    Task* added = task.detach();
    added->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = added;
    last_ = added;
    ++size_;
  }
  void push_front(detail::Ref<Task> task) noexcept {
    Task* added = task.detach();
    added->next = first_;
    first_ = added;
    if (last_ == nullptr) last_ = added;
    ++size_;
  }
  detail::Ref<Task> pop_front() noexcept {
    Task* taken = first_;
    first_ = taken->next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return detail::Ref<Task>::adopt(taken);
  }
  // Moves all of `other` behind what is here.
  void append(TaskList&& other) noexcept {
    if (other.empty()) return;
    (last_ == nullptr ? first_ : last_->next) = other.first_;
    last_ = other.last_;
    size_ += std::exchange(other.size_, 0);
    other.first_ = other.last_ = nullptr;
  }

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plait::pool
