// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <algorithm>

#include "shm/heap.hpp"

namespace plait::detail {
void* Message::allocate(std::size_t size) { return shm::Heap::get().allocate(size); }

void Message::deallocate(void* block) noexcept { shm::Heap::get().deallocate(block); }

void Message::assign_inline(const std::byte* from, std::size_t size) noexcept {
  reset();
  size_ = size;
  std::copy_n(from, size, inline_);
}

void Message::take(Message& other) noexcept {
  size_ = std::exchange(other.size_, 0);
  block_ = std::exchange(other.block_, nullptr);
  if (block_ == nullptr) std::copy_n(other.inline_, size_, inline_);
}

std::string RemoteTask::describe() const {
  return wire::describe_callable(name_, code_) + " (task " + std::to_string(number) + ")";
}

}  // namespace plait::detail
