// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/packet_transport.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "multiprocessing/connection/wait_readable.hpp"
#include "os/error.hpp"
#include "os/file_bytes.hpp"
#include "os/socket.hpp"
#include "plait/errors.hpp"

namespace plait::detail {
namespace {

using os::Received;

struct PacketHead {
  std::uint64_t type = 0;
  std::uint64_t size = 0;  // of the message, wherever it is
  std::uint32_t in_file = 0;
  std::uint32_t descriptors = 0;  // beside the file
};

// A packet is one allocation of the kernel, and several should fit into the socket's buffer.
constexpr std::size_t most_in_packet = std::size_t{32} << 10;

os::FileDescriptor file_of(std::span<const std::byte> bytes) {
  os::FileDescriptor file;
  try {
    file = os::make_message_file(bytes.size(), false);
    const int error = os::write_all(file.get(), bytes, {});
    if (error != 0) os::throw_system_error(error, "write", "a message");
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOSPC && error.code().value() != ENOMEM) throw;
    throw OutOfSharedMemory("no memory for a message of " + std::to_string(bytes.size()) + " bytes");
  }
  os::seal_message_file(file.get());
  return file;
}

void check_sent(int error) {
  if (error == 0) return;
  if (error == ECONNRESET) error = EPIPE;
  os::throw_system_error(error, "send");
}

}  // namespace

std::size_t PacketTransport::room_for_descriptors() const noexcept { return os::most_descriptors - 1; }
std::size_t PacketTransport::file_from() const noexcept { return most_in_packet + 1; }

void PacketTransport::send(const MessageOut& message) {
  PacketHead head{.type = message.type,
                  .size = message.bytes.size(),
                  .in_file = 0,
                  .descriptors = static_cast<std::uint32_t>(message.descriptors.size())};
  std::span<const std::byte> body = message.bytes;
  std::vector<int> descriptors(message.descriptors.begin(), message.descriptors.end());
  os::FileDescriptor file;
  int from = message.file;
  if (from < 0 && body.size() > most_in_packet) {
    file = file_of(body);
    from = file.get();
  }
  if (from >= 0) {
    head.in_file = 1;
    body = {};
    descriptors.push_back(from);
  }
  check_sent(
      os::send_packet(socket_.get(), std::as_bytes(std::span(&head, 1)), body, descriptors, os::Waiting::allowed));
}

void PacketTransport::receive(MessageIn& message, std::size_t most) {
  std::vector<std::byte> room(most_in_packet);
  for (;;) {
    PacketHead head;
    os::Packet packet = os::receive_packet(socket_.get(), std::as_writable_bytes(std::span(&head, 1)), room,
                                           os::most_descriptors, os::Taking::take);
    if (packet.result == Received::Result::closed) throw EOFError("recv: the other end is closed");
    if (packet.result == Received::Result::nothing_yet) {
      wait_readable(socket_.get(), {});
      continue;
    }
    const std::size_t in_packet = head.in_file != 0 ? 0 : head.size;
    if (packet.size != sizeof head + in_packet)
      throw DecodeError("plait: the other end of a connection writes nonsense");
    if (head.size > most) throw_too_long(head.size);
    if (packet.descriptors.size() != std::size_t{head.descriptors} + head.in_file) {
      os::throw_system_error(EMFILE, "recv", "the descriptors of a message");
    }
    if (head.in_file != 0) {
      message.space.take_file(packet.descriptors.back().release(), head.size);
      packet.descriptors.pop_back();
    } else {
      std::copy_n(room.begin(), in_packet, message.space.make(in_packet).begin());
    }
    message.type = head.type;
    message.descriptors = std::move(packet.descriptors);
    return;
  }
}

bool PacketTransport::poll(const Until& until) { return wait_readable(socket_.get(), until).ready; }

}  // namespace plait::detail
