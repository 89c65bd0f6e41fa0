// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What can be sent to another process, and how to make one's own types so. (Python: what pickle can do.)
//
// A task for another process is a callable and its arguments as bytes. That works for
//
//   functions, member functions (virtual ones too), lambdas without captures, function objects, plait::partial(f, x…);
//   arithmetic types, enums, bool, std::string;
//   containers: those of the standard, and others that are built like them;
//   std::array, pair, tuple, optional, variant, complex, bitset, filesystem::path, chrono's durations and time points;
//   std::unique_ptr<T> and std::shared_ptr<T> of types that are not polymorphic, as a value or null: pointers that
//   shared one object have one each afterwards;
//   structs of such: aggregates, without any declaration;
//   classes that say what they are made of, in the way of cereal and Boost.Serialization:
//
//     class Account {
//      public:
//       template <class A>
//       void serialize(A& ar) { ar(owner_, balance_); }  // must not change anything when A writes
//      private:
//       friend class plait::wire::Access;  // if serialize or the default constructor is private
//       std::string owner_;
//       long balance_ = 0;
//     };
//
// or have a free function serialize(ar, account) in their namespace, or `save(ar) const` and `load(ar)`. What a
// serializer throws fails that task alone. `A::is_reading` says which way it goes.
//
// Anything else is refused by the compiler, with the reason and what to do. Classes that contain themselves (trees,
// lists) may be nested 1000 levels deep.
//
// Arguments are converted to the callee's parameter types before they travel: "x" is a std::string for a
// std::string parameter, and 3 an std::int64_t for one of that type. A callee with templates or overloads gets the
// types as given, texts as std::string. A parameter of type std::string_view or std::span<const T> is a view of the
// message itself, for the time of the call: nothing is copied. Parameters are values, const references or rvalue
// references; a std::vector of numbers travels as one memcpy each way.
//
// Both sides must run the same build of the program: bytes made by another one are refused with DecodeError. They are
// not meant for files.

#include <string>
#include <vector>

#include "plait/detail/wire/call.hpp"
#include "plait/errors.hpp"
#include "plait/partial.hpp"

namespace plait::wire {

// The bytes of a value, and the value again. Throw EncodeError or DecodeError, and what serializers throw. Handles of
// shared objects are refused (EncodeError): bytes may be kept, copied and read twice, a handle is to arrive once. Send
// them as arguments, through queues and connections.
template <Shippable T>
[[nodiscard]] std::vector<std::byte> dumps(const T& value) {
  const MessageSize size = message_size(value);
  if (size.handles != 0) {
    throw EncodeError(
        "plait: a handle of a shared object is not to be kept as bytes; send it as an argument, through a queue or a "
        "connection");
  }
  std::vector<std::byte> bytes(size.bytes);
  encode(value, bytes);
  return bytes;
}
template <Shippable T>
[[nodiscard]] T loads(std::span<const std::byte> bytes) {
  return decode<T>(bytes);
}

}  // namespace plait::wire
