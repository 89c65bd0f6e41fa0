// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Memory without a name: a sparse memfd, its pages, and its mapping. What the shared heap stands on.

#include <cstddef>
#include <cstdint>

namespace plait::os {

// A memfd of `size` bytes, all of them holes, close-on-exec. Throws std::system_error: EFBIG when RLIMIT_FSIZE
// forbids the size (without the SIGXFSZ that the kernel would send), else what memfd_create or ftruncate says.
// `sealable`: whoever has it may promise that its size will not change (F_ADD_SEALS).
int create_shared_file(const char* name, std::size_t size, bool sealable = false);

// Maps all of the file, shared, at `address`: exactly there or not at all; nullptr: wherever the kernel likes.
// Core dumps leave it out. Returns nullptr on failure, with errno set.
void* map_shared_file(int fd, std::size_t size, void* address) noexcept;

// Makes sure that the bytes have pages, so that touching them cannot fail: false when memory is exhausted.
[[nodiscard]] bool reserve_pages(int fd, std::uint64_t offset, std::uint64_t size) noexcept;
// Gives the pages of the bytes back; they read as 0 from then on. Whole pages only.
void release_pages(int fd, std::uint64_t offset, std::uint64_t size) noexcept;
// Bytes of all the pages that the file has.
[[nodiscard]] std::uint64_t reserved_bytes(int fd) noexcept;

// Zeroed private memory that is zero again in a child made by fork, in whatever way it forked. Throws
// std::system_error.
void* map_wiped_on_fork(std::size_t size);

void unmap(void* address, std::size_t size) noexcept;
void close_shared_file(int fd) noexcept;

}  // namespace plait::os
