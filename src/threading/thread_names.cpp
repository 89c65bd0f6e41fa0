// SPDX-License-Identifier: Apache-2.0
#include "threading/thread_names.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/module.hpp"
#include "wire/symbols.hpp"

namespace plait::threading {
namespace {

// Where the bracket is that the last one of the text closes; 0 if nowhere.
std::size_t opening_bracket(std::string_view text) noexcept {
  int depth = 0;
  for (std::size_t at = text.size(); at-- > 0;) {
    const char c = text[at];
    if (c == ')' || c == '>' || c == ']' || c == '}') ++depth;
    if ((c == '(' || c == '<' || c == '[' || c == '{') && --depth == 0) return at;
  }
  return 0;
}

}  // namespace

std::string short_function_name(const void* code) {
  const auto address = reinterpret_cast<std::uintptr_t>(code);
  const wire::Module* module = wire::find_module(address);
  if (module == nullptr) return {};
  return short_name(wire::function_name({.module = module->id, .offset = address - module->base}));
}

std::string short_name(std::string_view function) {
  const std::size_t parameters_end = function.rfind(')');
  if (parameters_end != std::string_view::npos) {
    function = function.substr(0, parameters_end + 1);
    function = function.substr(0, opening_bracket(function));
  }
  while (function.ends_with('>') || function.ends_with(']')) function = function.substr(0, opening_bracket(function));
  const std::size_t before = function.find_last_of(": *&");
  if (before != std::string_view::npos) function.remove_prefix(before + 1);
  // What compilers call the function behind a lambda.
  return function == "_FUN" || function == "__invoke" ? std::string() : std::string(function);
}

}  // namespace plait::threading
