// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a thread is called that was given no name: after its function, as Python's are.

#include <string>
#include <string_view>

namespace plait::threading {

// The name of the function whose code it is, as short_name; empty if it is not known, or a lambda's.
std::string short_function_name(const void* code);

// "work" of "void app::(anonymous namespace)::work<int>(int, char (&)[2])".
std::string short_name(std::string_view function);

}  // namespace plait::threading
