// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How a known type of exception travels: its details beside type, message and stack, which all have.

#include <atomic>
#include <exception>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/encode.hpp"

namespace plait::wire {

// What an exception from another process has besides its type.
class PLAIT_EXPORT RemoteOrigin {
 public:
  RemoteOrigin(std::string message, std::string traceback) noexcept
      : message_(std::move(message)), traceback_(std::move(traceback)) {}
  RemoteOrigin(const RemoteOrigin&) = default;
  RemoteOrigin& operator=(const RemoteOrigin&) = default;
  virtual ~RemoteOrigin();

  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& traceback() const noexcept { return traceback_; }

 private:
  std::string message_, traceback_;
};

// An E from another process.
template <class E>
class Remade final : public E, public RemoteOrigin {
 public:
  Remade(E&& error, RemoteOrigin&& origin) : E(std::move(error)), RemoteOrigin(std::move(origin)) {}
};
template <class E>
  requires std::is_base_of_v<std::exception, E>
class Remade<E> final : public E, public RemoteOrigin {
 public:
  Remade(E&& error, RemoteOrigin&& origin) : E(std::move(error)), RemoteOrigin(std::move(origin)) {}
  const char* what() const noexcept override { return RemoteOrigin::message().c_str(); }
};

template <class E>
std::exception_ptr remake(E&& error, RemoteOrigin&& origin) {
  if constexpr (std::is_final_v<E> || !std::is_class_v<E>) {
    return std::make_exception_ptr(std::forward<E>(error));
  } else {
    return std::make_exception_ptr(Remade<E>(std::forward<E>(error), std::move(origin)));
  }
}

struct ExceptionCodec {
  const std::type_info* type;
  const std::type_info* remade;  // the type of those that came from another process
  // The details of the exception at `object`, which is of one of the two types.
  std::vector<std::byte> (*details)(const void* object, bool is_remade);
  // The exception again. May throw DecodeError, or what a serializer throws.
  std::exception_ptr (*make)(Reader& details, RemoteOrigin&& origin);
  const ExceptionCodec* next = nullptr;
  std::atomic<bool> added = false;
};

// Adds it to those that are looked at, before all others; nothing if it has been added. `codec` is never destroyed.
PLAIT_EXPORT void add_exception(ExceptionCodec& codec) noexcept;

// `Details` turns an E to bytes and back: `put(out, e)`, `E make(in, message)`.
template <class E, class Details>
ExceptionCodec& exception_codec_with() {
  static ExceptionCodec codec{.type = &typeid(E),
                              .remade = &typeid(std::conditional_t<std::is_final_v<E>, E, Remade<E>>),
                              .details =
                                  [](const void* object, bool is_remade) {
                                    const E* error = static_cast<const E*>(object);
                                    if constexpr (!std::is_final_v<E>) {
                                      if (is_remade) error = static_cast<const Remade<E>*>(object);
                                    }
                                    SizeCounter size;
                                    Details::put(size, *error);
                                    std::vector<std::byte> bytes(size.position());
                                    Writer out(bytes);
                                    Details::put(out, *error);
                                    out.finish();
                                    return bytes;
                                  },
                              .make =
                                  [](Reader& in, RemoteOrigin&& origin) {
                                    E error = Details::make(in, origin.message());
                                    in.finish();
                                    return remake(std::move(error), std::move(origin));
                                  }};
  return codec;
}

// All of it.
template <class E>
struct WholeException {
  template <class Out>
  static void put(Out& out, const E& error) {
    wire::put(out, error);
  }
  static E make(Reader& in, const std::string&) { return get<E>(in); }
};
// Nothing but its message, or not even that.
template <class E>
struct MessageException {
  template <class Out>
  static void put(Out&, const E&) {}
  static E make(Reader&, const std::string& message) {
    if constexpr (std::is_constructible_v<E, const std::string&>) {
      return E(message);
    } else if constexpr (std::is_constructible_v<E, const char*>) {
      return E(message.c_str());
    } else {
      return E();
    }
  }
};

template <class E>
ExceptionCodec& exception_codec() {
  static_assert(std::is_class_v<E>, "plait: only classes can be registered as exceptions");
  constexpr bool from_message =
      std::is_constructible_v<E, const std::string&> || std::is_constructible_v<E, const char*>;
  static_assert(
      Shippable<E> || (from_message && std::is_base_of_v<std::exception, E>),
      "plait: to be registered, an exception must have a constructor that takes a std::string or const char*, "
      "or `template <class A> void serialize(A& ar) { ar(...); }` with all its members");
  if constexpr (Shippable<E> && kind_of<E> != Kind::stateless) {
    return exception_codec_with<E, WholeException<E>>();
  } else {
    return exception_codec_with<E, MessageException<E>>();
  }
}

}  // namespace plait::wire
