// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How messages of one end go to the other: the part of a connection that knows descriptors. It owns them, and closes
// them with its end. All functions may be called by several threads at a time.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "os/file_descriptor.hpp"
#include "plait/detail/connection_core.hpp"
#include "plait/until.hpp"

namespace plait::detail {

struct MessageOut {
  std::uint64_t type = 0;  // type_number, 0: plain bytes
  std::span<const std::byte> bytes;
  int file = -1;  // that holds them already, sealed; -1: none does
  std::span<const int> descriptors;
};

struct MessageIn {
  static constexpr std::uint64_t type_is_in_bytes = 2;  // not a type_number: those are odd, and 0

  explicit MessageIn(MessageSpace& place) noexcept : space(place) {}
  MessageSpace& space;
  std::uint64_t type = 0;
  std::vector<os::FileDescriptor> descriptors;
};

[[noreturn]] void throw_too_long(std::size_t size);

class Transport {
 public:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
  enum class Kind : std::uint8_t { pipe, stream };

  Transport() noexcept = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Throws std::system_error (EPIPE, …), OutOfSharedMemory.
  virtual void send(const MessageOut& message) = 0;
  // Throws EOFError, std::system_error (EMSGSIZE: the message is longer than `most`), DecodeError.
  virtual void receive(MessageIn& message, std::size_t most) = 0;
  virtual bool poll(const Until& until) = 0;
  virtual int fileno() = 0;

  // How many descriptors can go with a message.
  [[nodiscard]] virtual std::size_t room_for_descriptors() const noexcept = 0;
  // Messages of so many bytes and more had better be encoded into a file.
  [[nodiscard]] virtual std::size_t file_from() const noexcept = 0;

  // What another process needs to have this end too.
  [[nodiscard]] virtual Kind kind() const noexcept = 0;
  [[nodiscard]] virtual std::vector<int> descriptors() const = 0;
  [[nodiscard]] virtual std::uint8_t end() const noexcept { return 0; }
};

}  // namespace plait::detail
