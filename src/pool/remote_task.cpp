// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/remote_task.hpp"

#include <algorithm>
#include <new>

#include "shm/message_block.hpp"

namespace plait::detail {

// For what does not fit into the message itself.
void Message::find_room(std::size_t handles) {
  if (handles == 0 && size_ <= slot_capacity) {
    memory_ = ::operator new(size_);
    place_ = Place::own_memory;
  } else {
    memory_ = shm::allocate_message(size_, handles);
    place_ = Place::shared;
  }
}

Message Message::copy_of(std::span<const std::byte> bytes) {
  Message made({bytes.size()});
  std::ranges::copy(bytes, made.bytes().begin());
  return made;
}

Message Message::copy() const {
  if (place_ == Place::shared) return Message(shm::copy_message(memory_, size_), size_);
  return copy_of(bytes());
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
