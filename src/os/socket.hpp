// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Connected sockets that keep messages whole (SOCK_SEQPACKET), and can carry a descriptor with each.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

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

// ---- messages in two parts, with several descriptors ----------------------------------------------------------------

// So many descriptors go with one message (SCM_MAX_FD).
inline constexpr std::size_t most_descriptors = 253;

// Sends one message, head and then body, with duplicates of the descriptors. Returns as send_message(), or EMSGSIZE (it
// is longer than the socket's buffer). At most most_descriptors.
int send_packet(int socket, std::span<const std::byte> head, std::span<const std::byte> body,
                std::span<const int> descriptors, Waiting waiting) noexcept;

enum class Taking : std::uint8_t { take, look };  // `look` leaves the message there
struct Packet {
  Received::Result result = Received::Result::closed;
  std::size_t size = 0;                     // of the message, also when it is longer than head and body
  std::vector<FileDescriptor> descriptors;  // that came with it
  bool descriptors_lost = false;            // more came, but this process may not have more
};
// Receives one message, without waiting: its begin into `head`, the rest into `body`. With `most` 0 descriptors are
// dropped unseen. Throws std::bad_alloc: the message is still there.
Packet receive_packet(int socket, std::span<std::byte> head, std::span<std::byte> body, std::size_t most,
                      Taking taking);

// ---- meeting by a name that leaves nothing behind -------------------------------------------------------------------

// Listens at an abstract address, a name that no file has and that goes with the socket. Throws std::system_error.
FileDescriptor listen_at(std::string_view name);
// One who has connected; nullopt: nobody is there now. Throws std::system_error (EMFILE, …).
std::optional<FileDescriptor> accept_connection(int listener);
// From now on nobody can connect to a listener, or send to or over a connected socket, whoever has duplicates of it;
// what was sent before can be received, and then comes the end.
void shut_down(int socket) noexcept;
// Throws std::system_error: ECONNREFUSED (nobody listens there), EMFILE, ….
FileDescriptor connect_to(std::string_view name);
// The user as whom the other end was made; nullopt: not known.
std::optional<uid_t> user_of_peer(int socket) noexcept;
[[nodiscard]] uid_t user_of_this_process() noexcept;

}  // namespace plait::os
