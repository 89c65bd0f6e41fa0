// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Bytes on their way between two processes: small ones in place, large ones in a block of the shared heap that
// travels by its offset. One copy in by whoever encodes, none until somebody decodes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait::detail {

// Owns its bytes. Move-only; not thread-safe.
class PLAIT_EXPORT Message {
 public:
  static constexpr std::size_t inline_capacity = 120;  // what fits beside the state word in a slot of a lane

  Message() noexcept {}  // NOLINT(modernize-use-equals-default): leaves the bytes uninitialised
  // Room for `size` bytes, 64-byte aligned when they do not fit in place and 8-byte aligned otherwise.
  // Throws OutOfSharedMemory.
  explicit Message(std::size_t size) : size_(size) {
    if (size > inline_capacity) block_ = allocate(size);
  }
  // Takes over a block of the shared heap.
  Message(void* block, std::size_t size) noexcept : size_(size), block_(block) {}
  Message(Message&& other) noexcept { take(other); }
  Message& operator=(Message&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Message() { reset(); }

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data(), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {block_ != nullptr ? static_cast<const std::byte*>(block_) : inline_, size_};
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The block that holds the bytes, nullptr when they are in place.
  [[nodiscard]] void* block() const noexcept { return block_; }
  // The block is somebody else's from here on.
  void release_block() noexcept {
    block_ = nullptr;
    size_ = 0;
  }
  void reset() noexcept {
    if (block_ != nullptr) deallocate(block_);
    release_block();
  }
  // Replaces the bytes by `size` of `from`, which must fit in place.
  void assign_inline(const std::byte* from, std::size_t size) noexcept;

 private:
  static void* allocate(std::size_t size);
  static void deallocate(void* block) noexcept;
  [[nodiscard]] std::byte* data() noexcept { return block_ != nullptr ? static_cast<std::byte*>(block_) : inline_; }
  void take(Message& other) noexcept;

  std::size_t size_ = 0;
  void* block_ = nullptr;
  alignas(8) std::byte inline_[inline_capacity];
};

}  // namespace plait::detail
