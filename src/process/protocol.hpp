// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the host and its fork server say to each other. Two sockets, each message one packet:
//
//   requests   host → server  Request, and the entry's module after it;   server → host  Reply, with the pidfd
//   exits      server → host  Exit
//
// Replies come in the order of requests, one to each; that to `kill` when the child is gone. An Exit may overtake the
// Reply to its start. Both ends are the same program, so the layout of the structs is the format.

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "os/cpu_count.hpp"

namespace plait::process {

enum class Command : std::uint32_t { start_forked, start_spawned, kill, start_tracker };

struct Request {
  Command command{};
  std::uint32_t owner = 0;
  std::uint64_t id = 0;  // of the child; never used twice
  std::uint64_t argument = 0;
  std::uint64_t offset = 0;  // of the entry in its module
  std::int32_t host = 0;     // pid of who asks
  std::int32_t reserved = 0;
  os::CpuMask cpus{};  // on which the child is to run
};

struct Reply {
  static constexpr std::int32_t not_of_the_system = -1;

  std::uint64_t id = 0;
  std::int32_t pid = 0;
  std::int32_t error = 0;        // errno, or not_of_the_system; 0: started
  std::array<char, 240> text{};  // the call that failed and its object; or the whole message

  void fail(std::int32_t number, std::string_view what) noexcept {
    error = number;
    text.fill('\0');
    std::memcpy(text.data(), what.data(), what.size() < text.size() ? what.size() : text.size() - 1);
  }
};

struct Exit {
  std::uint64_t id = 0;
  std::int32_t signal = 0;
  std::int32_t code = 0;
};

inline constexpr std::size_t longest_request = sizeof(Request) + PATH_MAX;

template <class Message>
  requires std::is_trivially_copyable_v<Message>
std::span<const std::byte> bytes_of(const Message& message) noexcept {
  return std::as_bytes(std::span(&message, 1));
}

// False: the bytes are not such a message.
template <class Message>
  requires std::is_trivially_copyable_v<Message>
bool read_message(std::span<const std::byte> bytes, Message& message) noexcept {
  if (bytes.size() < sizeof(Message)) return false;
  std::memcpy(&message, bytes.data(), sizeof(Message));
  return true;
}

}  // namespace plait::process
