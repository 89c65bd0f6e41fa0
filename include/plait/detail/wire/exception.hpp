// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Exceptions to bytes and back. What users need of this is in plait/exceptions.hpp.

#include <cstddef>
#include <exception>
#include <span>
#include <vector>

#include "plait/detail/export.hpp"

namespace plait::wire {

// Type, message and details of an exception, and the stack on which it was thrown if run_call of this thread saw it.
// Throws std::bad_alloc, and what a serializer of the user throws.
[[nodiscard]] PLAIT_EXPORT std::vector<std::byte> encode_exception(const std::exception_ptr& error);

// The exception again: of the same type if that is known here, else a RemoteError. A DecodeError if the bytes are no
// exception.
[[nodiscard]] PLAIT_EXPORT std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept;

}  // namespace plait::wire
