// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <algorithm>

#include "shm/heap.hpp"
#include "wire/symbols.hpp"

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
  std::string name;
  try {
    if (code_ != nullptr) name = wire::function_name(wire::locate_code(code_));
  } catch (const Error&) {  // code of no module: its type has to do
  }
  if (name.empty()) name = name_;
  return name + " (task " + std::to_string(number) + ")";
}

}  // namespace plait::detail
