// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Bytes through descriptors that are streams (pipes, stream sockets, terminals), and files without a name that carry
// the bytes of one message.

#include <cstddef>
#include <span>

#include "os/file_descriptor.hpp"

namespace plait::os {

// Writes all of both parts, waiting as long as that takes, whether the descriptor is set to block or not. Returns 0 or
// the error (EPIPE, ECONNRESET, …). Never raises SIGPIPE.
int write_all(int fd, std::span<const std::byte> first, std::span<const std::byte> second) noexcept;

struct ReadResult {
  std::size_t size = 0;  // of what was read; less than the whole at the end of the stream
  int error = 0;
};
// Fills `bytes`, waiting as long as that takes, unless the stream ends before.
ReadResult read_all(int fd, std::span<std::byte> bytes) noexcept;

// A file in memory for a message of `size` bytes, with all its pages (`reserve`) or without. Throws std::system_error:
// ENOSPC, ENOMEM (there is no memory for it), EFBIG (RLIMIT_FSIZE forbids it), EMFILE.
FileDescriptor make_message_file(std::size_t size, bool reserve);
// Promises to whoever gets the file that it will not become shorter.
void seal_message_file(int fd) noexcept;
// Whether fd is such a file, sealed, of `size` bytes or more: then mapping it cannot raise SIGBUS.
[[nodiscard]] bool is_message_file(int fd, std::size_t size) noexcept;
// Maps its first bytes, to be filled or to be read. Returns nullptr with errno. To be undone with unmap(),
// os/shared_file.hpp.
void* map_message_file(int fd, std::size_t size, bool to_read) noexcept;

}  // namespace plait::os
