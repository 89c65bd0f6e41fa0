// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A message in a block of the shared heap of its own. Behind its bytes is a list of the handles of shared objects among
// them, so that whoever drops it can give their references back:
//
//   bytes │ zeroes up to a multiple of 8 │ number of handles │ word │ word …
//
// A word is what Hold::send() gave. It is in the list as long as the message has the reference: written after it was
// taken, and made 0 by one exchange before somebody takes it over (Hold::arrive) or gives it back. So a death in
// between loses that one reference, and none is given back twice.

#include <cstddef>
#include <cstdint>
#include <span>

#include "shm/heap.hpp"

namespace plait::shm {

// Room for a message of `size` bytes with so many handles; the list is of zeroes. Throws OutOfSharedMemory.
void* allocate_message(std::size_t size, std::size_t handles = 0);

// The list of a message, whoever wrote it; without data if it is none.
std::span<std::uint64_t> handles_in(void* block, std::size_t size) noexcept;

// The message once more, with references of its own for the handles that have not arrived. Throws OutOfSharedMemory.
void* copy_message(void* block, std::size_t size);

// Gives back the references of handles that have not arrived, which may destroy their objects; frees the block.
void give_back_handles(void* block, std::size_t size) noexcept;
void free_message(void* block, std::size_t size) noexcept;

}  // namespace plait::shm
