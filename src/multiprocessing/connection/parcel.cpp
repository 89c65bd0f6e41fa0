// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/parcel.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include "os/error.hpp"
#include "os/file_bytes.hpp"
#include "os/socket.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

void drain(int socket) noexcept {
  ParcelHead head;
  const auto bytes = std::as_writable_bytes(std::span(&head, 1));
  while (os::receive_packet(socket, bytes, {}, 0, os::Taking::take).result == os::Received::Result::message) {
  }
}

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

}  // namespace plait::detail
