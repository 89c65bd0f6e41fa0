// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Descriptors that wait here until the process which got their ticket fetches them. Python's
// multiprocessing.resource_sharer.
//
// While any wait, a thread of this process listens at an abstract AF_UNIX address, a random name that is in no file
// system; it serves processes of the same user that know number and secret of the ticket. With the last of them thread
// and address go. docs/design/connection.md tells what else was considered.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "os/file_descriptor.hpp"

namespace plait::detail {

struct SharedResource {
  std::array<std::uint64_t, 2> address{};  // never both 0
  std::uint64_t number = 0;
  std::uint64_t secret = 0;
};

// Until they are fetched, or `often`: until they are withdrawn. Throws std::system_error (EMFILE, EAGAIN),
// std::bad_alloc.
enum class Fetched : std::uint8_t { once, often };
[[nodiscard]] SharedResource deposit(std::vector<os::FileDescriptor> descriptors, Fetched how_often = Fetched::once);
// They will not be fetched any more. Nothing if they have been, once.
void withdraw(std::uint64_t number) noexcept;

// Throws std::system_error: ECONNREFUSED: who deposited them is gone or has withdrawn them; EMFILE.
[[nodiscard]] std::vector<os::FileDescriptor> fetch(const SharedResource& resource, std::size_t count);

}  // namespace plait::detail
