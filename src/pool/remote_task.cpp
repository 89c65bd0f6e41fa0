// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <algorithm>
#include <new>

#include "shm/message_block.hpp"

namespace plait::detail {

Message::Message(const wire::MessageSize& size) : size_(size.bytes), inline_{} {
  if (size.handles == 0 && size_ <= inline_capacity) return;
  if (size.handles == 0 && size_ <= slot_capacity) {
    memory_ = ::operator new(size_);
    place_ = Place::own_memory;
  } else {
    memory_ = shm::allocate_message(size_, size.handles);
    place_ = Place::shared;
  }
}

Message Message::copy() const {
  const std::span<const std::byte> from = bytes();
  if (place_ == Place::shared) return Message(shm::copy_message(memory_, size_), size_);
  Message made({size_});
  std::ranges::copy(from, made.bytes().begin());
  return made;
}

std::span<std::uint64_t> Message::list() const noexcept { return shm::handles_in(memory_, size_); }

void Message::free_memory() noexcept {
  if (place_ == Place::shared) return shm::free_message(memory_, size_);
  ::operator delete(memory_);
}

std::string RemoteTask::describe() const {
  return wire::describe_callable(name_, code_) + " (task " + std::to_string(number) + ")";
}

}  // namespace plait::detail
