// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/stream_transport.hpp"

#include <array>
#include <cerrno>
#include <string>

#include "multiprocessing/connection/wait_readable.hpp"
#include "os/error.hpp"
#include "os/file_bytes.hpp"
#include "plait/errors.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t most_in_short_head = 0x7fff'ffff;
constexpr std::uint32_t long_head = 0xffff'ffff;  // -1

template <std::size_t n>
void put_big_endian(std::span<std::byte, n> out, std::uint64_t value) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(value >> (8 * (n - 1 - i)));
}
template <std::size_t n>
std::uint64_t get_big_endian(std::span<const std::byte, n> in) {
  std::uint64_t value = 0;
  for (const std::byte byte : in) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

// A value that send() has encoded begins with the number of its type, and as many zeroes, which keep it aligned.
constexpr std::size_t type_size = 16;

void throw_write_error(int error) {
  if (error != 0) os::throw_system_error(error == ECONNRESET ? EPIPE : error, "send");
}

// False: the stream has ended before the first byte.
bool read_fully(int fd, std::span<std::byte> bytes) {
  const os::ReadResult result = os::read_all(fd, bytes);
  if (result.error != 0 && result.error != ECONNRESET) os::throw_system_error(result.error, "recv");
  if (result.size == bytes.size()) return true;
  if (result.size == 0) return false;
  os::throw_system_error(ECONNRESET, "recv", "the connection ended within a message");
}

}  // namespace

void StreamTransport::send(const MessageOut& message) {
  const bool typed = message.type != 0;
  const std::size_t size = message.bytes.size() + (typed ? type_size : 0);
  std::array<std::byte, 12 + type_size> head{};
  std::size_t used = 4;
  if (size <= most_in_short_head) {
    put_big_endian(std::span(head).first<4>(), size);
  } else {
    put_big_endian(std::span(head).first<4>(), long_head);
    put_big_endian(std::span(head).subspan<4, 8>(), size);
    used = 12;
  }
  if (typed) {
    std::memcpy(head.data() + used, &message.type, sizeof message.type);
    used += type_size;
  }
  throw_write_error(os::write_all(stream_.get(), std::span(head).first(used), message.bytes));
}

void StreamTransport::receive(MessageIn& message, std::size_t most) {
  std::array<std::byte, 8> head;
  const auto short_head = std::span(head).first<4>();
  if (!read_fully(stream_.get(), short_head)) throw EOFError("recv: the other end is closed");
  std::uint64_t size = get_big_endian(std::span<const std::byte, 4>(short_head));
  const auto require = [&](std::span<std::byte> bytes) {
    if (!bytes.empty() && !read_fully(stream_.get(), bytes)) {
      os::throw_system_error(ECONNRESET, "recv", "the connection ended within a message");
    }
  };
  if (size == long_head) {
    require(head);
    size = get_big_endian(std::span<const std::byte, 8>(head));
  } else if (size > most_in_short_head) {
    throw DecodeError("plait: a message of a negative length");
  }
  if (size > most) throw_too_long(size);
  require(message.space.make(size));
  message.type = MessageIn::type_is_in_bytes;
}

bool StreamTransport::poll(const Until& until) { return wait_readable(stream_.get(), until).ready; }

}  // namespace plait::detail
