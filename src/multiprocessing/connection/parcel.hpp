// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What goes through the sockets of a channel: parcels, and packets that only ring.

#include <cstdint>
#include <span>

#include "os/file_descriptor.hpp"

namespace plait::detail {

struct ParcelHead {
  std::uint64_t number = 0;       // FrameHead::parcel of its message; 0: it only rings
  std::uint64_t descriptors = 0;  // that go with it, beside the file
};

// Takes all packets away.
void drain(int socket) noexcept;

// The bytes in a file for a message. Throws OutOfSharedMemory, std::system_error.
os::FileDescriptor file_of(std::span<const std::byte> bytes);

}  // namespace plait::detail
