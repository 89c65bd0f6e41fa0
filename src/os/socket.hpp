// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Connected sockets that keep messages whole (SOCK_SEQPACKET), and can carry a descriptor with each.

#include <cstddef>
#include <cstdint>
#include <span>

#include "os/file_descriptor.hpp"

namespace plait::os {

struct SocketPair {
  FileDescriptor first;
  FileDescriptor second;
};
// Throws std::system_error (EMFILE, ENFILE).
SocketPair make_socket_pair();

enum class Waiting : std::uint8_t { allowed, forbidden };

// Sends one message, with a duplicate of `descriptor` unless that is -1. Returns 0 or the error: EAGAIN (no room now,
// waiting is forbidden), EPIPE or ECONNRESET (nobody is there), ETOOMANYREFS, ENOBUFS, ENOMEM. Never raises SIGPIPE.
int send_message(int socket, std::span<const std::byte> message, int descriptor, Waiting waiting) noexcept;

struct Received {
  enum class Result : std::uint8_t { message, nothing_yet, closed };
  Result result;
  std::size_t size = 0;          // of the message; the rest of one longer than the buffer is lost
  FileDescriptor descriptor;     // that came with it
  bool descriptor_lost = false;  // one came, but this process may not have more
};
// Receives one message. `closed`: the other end is gone, and all that it sent has been received.
Received receive_message(int socket, std::span<std::byte> buffer, Waiting waiting) noexcept;

}  // namespace plait::os
