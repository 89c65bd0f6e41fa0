// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Bytes on their way between two processes: what fits into a slot of a lane is copied there, larger ones lie in a block
// of the shared heap that travels by its offset. One copy in by whoever encodes, none until somebody decodes.
//
// A million tasks may wait at a time, so a message is small: the usual call, of a function with a few numbers, lies in
// the message itself, what is longer but fits into a slot in memory of its own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/archive.hpp"

namespace plait::detail {

// Owns its bytes, and the references of the handles among them until they arrive. Move-only; not thread-safe.
class PLAIT_EXPORT Message {
 public:
  static constexpr std::size_t inline_capacity = 40;
  static constexpr std::size_t slot_capacity = 120;  // what fits beside the state word in a slot of a lane

  Message() noexcept : inline_{} {}
  // Room for so many bytes, 64-byte aligned when they do not fit into a slot, or there are handles among them, and
  // 8-byte aligned otherwise. Throws OutOfSharedMemory or std::bad_alloc.
  explicit Message(const wire::MessageSize& size) : size_(size.bytes), inline_{} {
    if (size.handles != 0 || size_ > inline_capacity) find_room(size.handles);
  }
  // Takes over a block of the shared heap, made as a message (shm/message_block.hpp).
  Message(void* block, std::size_t size) noexcept : size_(size), place_(Place::shared), memory_(block) {}
  // A copy of bytes that refer to no handles. Throws as above.
  static Message copy_of(std::span<const std::byte> bytes);
  // The same of what lies in a slot.
  static Message from_slot(const std::byte* slot, std::size_t size) {
    if (size > inline_capacity) return copy_of({slot, size});
    Message message;
    message.size_ = size;
    std::copy_n(slot, inline_capacity, message.inline_);  // a constant number is faster than the right one
    return message;
  }
  Message(Message&& other) noexcept { take(other); }
  Message& operator=(Message&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Message() { reset(); }

  [[nodiscard]] std::span<std::byte> bytes() noexcept {
    return {place_ == Place::here ? inline_ : static_cast<std::byte*>(memory_), size_};
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {place_ == Place::here ? inline_ : static_cast<const std::byte*>(memory_), size_};
  }
  // The list of its handles; what lies in no block has none.
  [[nodiscard]] std::span<std::uint64_t> handles() const noexcept {
    return place_ == Place::shared ? list() : std::span<std::uint64_t>();
  }
  [[nodiscard]] wire::MessageRoom room() noexcept { return {bytes(), handles()}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The same message once more, with references of its own for the handles that have not arrived. Throws as above.
  [[nodiscard]] Message copy() const;
  // Copies it to a slot, which has room for slot_capacity. Not what lies in a block.
  void copy_to_slot(std::byte* slot) const noexcept {
    if (place_ == Place::here) {
      std::copy_n(inline_, inline_capacity, slot);
    } else {
      std::copy_n(static_cast<const std::byte*>(memory_), size_, slot);
    }
  }
  // The block of the shared heap that holds the bytes, or nullptr.
  [[nodiscard]] void* block() const noexcept { return place_ == Place::shared ? memory_ : nullptr; }
  void reset() noexcept {
    if (place_ != Place::here) free_memory();
    forget();
  }

 private:
  enum class Place : std::uint8_t { here, own_memory, shared };

  void find_room(std::size_t handles);
  void free_memory() noexcept;
  [[nodiscard]] std::span<std::uint64_t> list() const noexcept;
  void forget() noexcept {
    size_ = 0;
    place_ = Place::here;
  }
  void take(Message& other) noexcept {
    size_ = other.size_;
    place_ = other.place_;
    if (place_ == Place::here) {
      std::copy_n(other.inline_, inline_capacity, inline_);
    } else {
      memory_ = other.memory_;
    }
    other.forget();
  }

  std::size_t size_ = 0;
  Place place_ = Place::here;
  union {
    alignas(8) std::byte inline_[inline_capacity];
    void* memory_;
  };
};

}  // namespace plait::detail
