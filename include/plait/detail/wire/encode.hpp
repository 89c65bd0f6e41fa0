// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Values to bytes and back.

#include "plait/detail/wire/code.hpp"
#include "plait/detail/wire/containers.hpp"

namespace plait::wire {

// What encode() writes. Throws EncodeError, and what a serializer of the user throws.
template <class T>
[[nodiscard]] MessageSize message_size(const T& value) {
  SizeCounter counter;
  put(counter, value);
  return counter.size();
}
template <class T>
[[nodiscard]] std::size_t encoded_size(const T& value) {
  return message_size(value).bytes;
}

// Writes `value` into `out`, which has message_size(value); the list of zeroes, or none. Throws as message_size().
template <class T>
void encode(const T& value, const MessageRoom& out) {
  Writer writer(out);
  put(writer, value);
  writer.finish();
}
template <class T>
void encode(const T& value, std::span<std::byte> out) {
  encode(value, MessageRoom{out, {}});
}

// The value that was encoded in `bytes`, with their list of handles; these may be anything. They should lie as aligned
// as T's largest arrays, or those are copied element by element. Throws DecodeError: they are no T, or more than one.
template <class T>
[[nodiscard]] T decode(std::span<const std::byte> bytes, std::span<std::uint64_t> handles = {}) {
  Reader in(bytes, handles);
  if constexpr (std::is_move_constructible_v<T>) {
    T value = get<T>(in);
    in.finish();
    return value;
  } else {
    return get<T>(in);
  }
}

// The name of a callable's type as the compiler writes it, for error messages. Lives as long as the program.
template <class F>
const char* callable_name() noexcept {
  static constexpr std::string_view pretty = __PRETTY_FUNCTION__;  // "… [with F = NAME]", in Clang "… [F = NAME]"
  static constexpr auto name = [] {
    constexpr std::size_t begin = pretty.find("F = ") + 4;
    std::array<char, pretty.size() - begin> text{};
    for (std::size_t i = 0; i + 1 < text.size(); ++i) text[i] = pretty[begin + i];
    return text;
  }();
  return name.data();
}

}  // namespace plait::wire
