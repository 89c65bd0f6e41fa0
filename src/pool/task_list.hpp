// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A first-in first-out list of remote tasks, linked through the tasks themselves. Owns a reference to each.

#include <utility>

#include "plait/detail/remote_task.hpp"

namespace plait::pool {

class TaskList {
 public:
  using Task = detail::RemoteTask;

  TaskList() = default;
  TaskList(TaskList&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)) {}
  TaskList& operator=(TaskList&&) = delete;
  ~TaskList() {
    while (!empty()) pop_front();
  }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] Task& front() noexcept { return *first_; }

  void push_back(detail::Ref<Task> task) noexcept {
    Task* added = task.detach();
    added->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = added;
    last_ = added;
  }
  void push_front(detail::Ref<Task> task) noexcept {
    Task* added = task.detach();
    added->next = first_;
    first_ = added;
    if (last_ == nullptr) last_ = added;
  }
  detail::Ref<Task> pop_front() noexcept {
    Task* taken = first_;
    first_ = taken->next;
    if (first_ == nullptr) last_ = nullptr;
    return detail::Ref<Task>::adopt(taken);
  }
  // Moves all of `other` behind what is here.
  void append(TaskList&& other) noexcept {
    if (other.empty()) return;
    (last_ == nullptr ? first_ : last_->next) = other.first_;
    last_ = other.last_;
    other.first_ = other.last_ = nullptr;
  }

 private:
  Task* first_ = nullptr;
  Task* last_ = nullptr;
};

}  // namespace plait::pool
