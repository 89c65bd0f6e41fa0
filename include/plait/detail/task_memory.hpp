// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Memory for tasks. A task is made by one thread and mostly freed by another, which is what general allocators are
// slowest at: here the block goes back to the thread that made it, by one atomic operation.

#include <cstddef>
#include <new>

#include "plait/detail/export.hpp"

namespace plait::detail {

// Throws std::bad_alloc. Thread-safe.
[[nodiscard]] PLAIT_EXPORT void* allocate_task(std::size_t size);
// In any thread.
PLAIT_EXPORT void deallocate_task(void* memory) noexcept;

// A base for what is allocated so.
struct InTaskMemory {
  static void* operator new(std::size_t size) { return allocate_task(size); }
  static void operator delete(void* memory) noexcept { deallocate_task(memory); }
  // What wants more alignment than std::max_align_t gets it from the system.
  static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
  static void operator delete(void* memory, std::align_val_t alignment) noexcept {
    ::operator delete(memory, alignment);
  }
};

}  // namespace plait::detail
