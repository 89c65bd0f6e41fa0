// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Exceptions to bytes and back. What users need of this is in plait/exceptions.hpp.

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "plait/detail/export.hpp"

namespace plait::wire {

// Calls f(context). An exception passes through, and the stack on which it was thrown is remembered for
// encode_exception in this thread, until the next call. A handler between the throw and here hides it: catch outside.
PLAIT_EXPORT void call_traced(void (*f)(void*), void* context);
template <class F>
void call_traced(F&& f) {
  call_traced([](void* context) { (*static_cast<std::remove_reference_t<F>*>(context))(); }, std::addressof(f));
}

// Type, message and details of an exception, and the stack on which it was thrown if run_call or call_traced of this
// thread saw it.
// Throws std::bad_alloc, and what a serializer of the user throws.
[[nodiscard]] PLAIT_EXPORT std::vector<std::byte> encode_exception(const std::exception_ptr& error);

// The exception again: of the same type if that is known here, else a RemoteError. A DecodeError if the bytes are no
// exception.
[[nodiscard]] PLAIT_EXPORT std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept;

// Only the message, without making the exception: no code of the user is run. Throws DecodeError, std::bad_alloc.
[[nodiscard]] PLAIT_EXPORT std::string message_of_exception(std::span<const std::byte> bytes);

}  // namespace plait::wire
