// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Advice to the kernel about memory that is about to be filled.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace plait::os {

// The memory from `begin` on will be written from end to end soon: large pages make that more than twice as fast, for
// most of the time goes into the first touch of each page. Only advice: may do nothing.
inline void expect_to_be_filled(void* begin, std::size_t size) noexcept {
  constexpr std::uintptr_t page = 4096;
  const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) & ~(page - 1);
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(begin) + size) & ~(page - 1);
  if (first < end) (void)::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace plait::os
