// SPDX-License-Identifier: Apache-2.0
#include "wire/exception_text.hpp"

#include <cxxabi.h>

#include <span>
#include <typeinfo>

#include "wire/symbols.hpp"
#include "wire/throw_trace.hpp"

namespace plait::wire {
namespace {

void describe(const std::exception_ptr& error, ExceptionText& text) {
  const std::type_info* type = nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    type = &typeid(e);
    text.message = e.what();
  } catch (const std::string& e) {
    type = &typeid(e);
    text.message = e;
  } catch (const char* e) {
    type = &typeid(e);
    text.message = e != nullptr ? e : "";
  } catch (int e) {
    type = &typeid(e);
    text.message = std::to_string(e);
  } catch (...) {
    type = abi::__cxa_current_exception_type();
  }
  text.type = type != nullptr ? demangle(type->name()) : "an exception of another language";
}

}  // namespace

ExceptionText exception_text(const std::exception_ptr& error) {
  ExceptionText text;
  static_assert(sizeof(error) == sizeof(void*));
  const ThrowTrace& trace = last_throw();
  if (trace.object == *reinterpret_cast<const void* const*>(&error)) {
    text.trace = format_addresses(std::span(trace.frames, trace.count));
  }
  describe(error, text);
  return text;
}

std::string ExceptionText::report() const { return type + (message.empty() ? "" : ": " + message) + '\n' + trace; }

}  // namespace plait::wire
