// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// One mapping of a segment of shared memory in this process.

#include <cstddef>
#include <span>

#include "os/shared_file.hpp"

namespace plait::detail {

class MemorySegment {
 public:
  MemorySegment(void* begin, std::size_t size) noexcept : begin_(static_cast<std::byte*>(begin)), size_(size) {}
  MemorySegment(const MemorySegment&) = delete;
  MemorySegment& operator=(const MemorySegment&) = delete;
  ~MemorySegment() { os::unmap(begin_, size_); }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {begin_, size_}; }

 private:
  std::byte* begin_;
  std::size_t size_;
};

}  // namespace plait::detail
