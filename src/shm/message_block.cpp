// SPDX-License-Identifier: Apache-2.0
#include "shm/message_block.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "os/kill_point.hpp"
#include "shm/shared_object.hpp"
#include "shm/size_class.hpp"

namespace plait::shm {
namespace {

constexpr std::size_t word_size = sizeof(std::uint64_t);

constexpr std::size_t padded(std::size_t size) noexcept { return (size + word_size - 1) & ~(word_size - 1); }

// Its first word is the number of the others.
std::uint64_t* list_of(void* block, std::size_t size) noexcept {
  return reinterpret_cast<std::uint64_t*>(static_cast<std::byte*>(block) + padded(size));
}

}  // namespace

void* allocate_message(std::size_t size, std::size_t handles) {
  void* const block = Heap::get().allocate(padded(size) + (1 + handles) * word_size);
  std::uint64_t* const list = list_of(block, size);
  list[0] = handles;
  std::fill_n(list + 1, handles, 0);
  return block;
}

std::span<std::uint64_t> handles_in(void* block, std::size_t size) noexcept {
  const Heap& heap = Heap::get();
  const Offset offset = heap.offset_of(block);
  const std::size_t before = padded(size) + word_size;
  // Whoever wrote the offset: the list is of words, and no block of ours begins at an odd place.
  if (offset % block_alignment != 0 || before < size || !heap.contains_block(offset, before)) return {};
  std::uint64_t* const list = list_of(block, size);
  const std::uint64_t count = list[0];
  const bool is_whole =
      count == 0 || (count <= heap.size() / word_size && heap.contains_block(offset, before + count * word_size));
  return is_whole ? std::span(list + 1, static_cast<std::size_t>(count)) : std::span<std::uint64_t>();
}

void* copy_message(void* block, std::size_t size) {
  const std::span<std::uint64_t> from = handles_in(block, size);
  void* const copy = allocate_message(size, from.size());
  std::memcpy(copy, block, size);
  std::uint64_t* const list = list_of(copy, size) + 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    SharedObject* const object = from[i] != 0 ? find_object(from[i]) : nullptr;
    if (object == nullptr) continue;
    add_reference(*object);
    list[i] = from[i];
  }
  return copy;
}

void give_back_handles(void* block, std::size_t size) noexcept {
  if (Heap::get().is_orphan()) return;
  for (std::uint64_t& entry : handles_in(block, size)) {
    // acq_rel: whoever destroys the object has seen what the sender did with it
    const Offset word = std::atomic_ref(entry).exchange(0, std::memory_order_acq_rel);
    if (word == 0) continue;
    PLAIT_KILL_POINT("message.giving_back");
    if (SharedObject* const object = find_object(word)) drop_reference(*object);
  }
}

void free_message(void* block, std::size_t size) noexcept {
  if (block == nullptr) return;
  give_back_handles(block, size);
  Heap::get().deallocate(block);
}

}  // namespace plait::shm
