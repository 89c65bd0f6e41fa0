// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a Connection is below its types: one end, messages as bytes. docs/design/connection.md.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/export.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// One end of a connection, as this process holds it; what all copies of a handle share.
class ConnectionCore;
using ConnectionRef = std::shared_ptr<ConnectionCore>;

// While it lives, the end is not closed for good. Refers to a core that outlives it.
class PLAIT_EXPORT ConnectionUse {
 public:
  enum class For : std::uint8_t { anything, receiving, sending };
  // Throws std::system_error with EBADF: closed, or not made for that. `call` is named in it.
  ConnectionUse(ConnectionCore* core, For what, const char* call);
  ConnectionUse(const ConnectionUse&) = delete;
  ConnectionUse& operator=(const ConnectionUse&) = delete;
  ~ConnectionUse();

 protected:
  ConnectionCore* core_;
};

// A number for a type, by its name: what send() writes with a message and recv() expects. 0 is for plain bytes.
template <class T>
consteval std::uint64_t type_number() {
  std::uint64_t number = 14695981039346656037U;
  for (const char c : std::string_view(__PRETTY_FUNCTION__))
    number = (number ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return number | 1;
}

// Room for the bytes of one message: small ones lie in the object, large ones in a file without a name, which goes to
// the other side as it is.
class PLAIT_EXPORT MessageSpace {
 public:
  MessageSpace() noexcept {}  // NOLINT(modernize-use-equals-default): the bytes are left as they are
  MessageSpace(const MessageSpace&) = delete;
  MessageSpace& operator=(const MessageSpace&) = delete;
  ~MessageSpace() {
    if (place_ != Place::here) reset();
  }

  // What was made before is gone. Throw OutOfSharedMemory, std::bad_alloc, std::system_error.
  std::span<std::byte> make(std::size_t size) {
    if (place_ != Place::here) reset();
    if (size > here_capacity) return make_elsewhere(size);
    return {here_, size_ = size};
  }
  std::span<std::byte> make_file(std::size_t size);
  // The bytes that another process has put into a file, which becomes the space's own. Throws DecodeError: it is not
  // what it should be.
  void take_file(int file, std::size_t size);

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {place_ == Place::here ? here_ : elsewhere_, size_}; }
  // The file in which the bytes lie, ready to be sent; -1: in none.
  [[nodiscard]] int finish_file() noexcept;

 private:
  enum class Place : std::uint8_t { here, memory, mapping };
  static constexpr std::size_t here_capacity = 256;
  std::span<std::byte> make_elsewhere(std::size_t size);
  void reset() noexcept;

  std::size_t size_ = 0;
  std::byte* elsewhere_ = nullptr;
  int file_ = -1;
  Place place_ = Place::here;
  alignas(64) std::byte here_[here_capacity];
};

// A message to be encoded and sent: bytes() are to be filled, then send().
class PLAIT_EXPORT OutgoingMessage {
 public:
  // `type`: type_number. Throws as Connection::send().
  OutgoingMessage(const ConnectionRef& core, std::uint64_t type, std::size_t size);
  OutgoingMessage(const OutgoingMessage&) = delete;
  OutgoingMessage& operator=(const OutgoingMessage&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
  void send();

 private:
  ConnectionUse use_;
  ConnectionCore* core_;
  std::uint64_t type_;
  MessageSpace space_;
  std::span<std::byte> bytes_;
  PackingScope descriptors_;
};

// A message that has been received.
class PLAIT_EXPORT IncomingMessage {
 public:
  // Waits for it. Throws as Connection::recv().
  explicit IncomingMessage(const ConnectionRef& core);
  IncomingMessage(const IncomingMessage&) = delete;
  IncomingMessage& operator=(const IncomingMessage&) = delete;

  // What send() has encoded. Throws TypeError: it is not a `type`.
  [[nodiscard]] std::span<const std::byte> encoded(std::uint64_t type, const char* type_name);

 private:
  friend class ConnectionCore;
  MessageSpace space_;
  std::uint64_t type_ = 0;
  std::optional<UnpackingScope> descriptors_;
};

}  // namespace plait::detail
