// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Exceptions that cross from one process to another. (Python: what pickle does with them, and RemoteTraceback.)
//
// An exception that a task throws in another process is thrown again by `Future::result()`, with the same type and the
// same what(), if that type is known: those of the standard library that hold a message or an error code, those of
// plait, and those registered here. Any other arrives as RemoteError with the name of its type, its message and the
// worker's stack. The stack of the known ones is behind remote_traceback().
//
// Differs from Python: the type must match exactly. A class derived from std::runtime_error that is not registered
// arrives as RemoteError, not as std::runtime_error, for it may have meant something else.

#include <exception>
#include <optional>
#include <string>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/exception_codec.hpp"
#include "plait/errors.hpp"

namespace plait {

// Makes E known, so that a task may throw it and the caller may catch it. E is shippable (an aggregate, or has
// `serialize`), and then all of it arrives; or it is constructible from `const char*` or std::string, and then it is
// made anew from its what(). Either way what() is the same afterwards.
//
// To be called in every process that throws or catches E: at the start of main, before plait::init and the first pool,
// or when the program is loaded:
//
//   const bool registered = plait::register_exception<Overdrawn>();
//
// Returns true. May be called again and from any thread; takes effect for outcomes read from then on. A library that
// registers its exceptions must stay loaded.
//
// What is caught is an E, but of a class derived from it, so that its stack can be kept. A class that is final
// arrives without one.
template <class E>
bool register_exception() {
  wire::add_exception(wire::exception_codec<E>());
  return true;
}

// The stack on which `error` was thrown in another process, one frame a line, innermost first; after a line
// "thrown again by", that of the next process it came through. nullopt: it was thrown in this one, or its class is
// final. The text may be empty. Never throws but std::bad_alloc.
PLAIT_EXPORT std::optional<std::string> remote_traceback(const std::exception& error);
PLAIT_EXPORT std::optional<std::string> remote_traceback(const std::exception_ptr& error);

}  // namespace plait
