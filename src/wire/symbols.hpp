// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Readable names of types and code addresses, for error messages. Names come from the dynamic symbols, then from the
// file's own symbol table, which also has what is not exported; no other program is started.

#include <span>
#include <string>

#include "plait/detail/wire/code.hpp"

namespace plait::wire {

// A type's name as it stands in the source; itself if it is not mangled.
std::string demangle(const char* name);

// The function in which the code lies: "solve(int, double)"; empty if unknown.
std::string function_name(const CodeRef& code);

// One frame a line, outermost last; the frames of plait that led to the callee are left out.
std::string format_trace(std::span<const CodeRef> frames);
// The same for addresses of this process.
std::string format_addresses(std::span<const void* const> frames);

}  // namespace plait::wire
