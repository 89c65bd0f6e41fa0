// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The one policy for failing system calls: std::system_error that names the call and its object, EINTR retried.

#include <cerrno>
#include <string>
#include <system_error>

namespace plait::os {

// Throws std::system_error for `error`: "CALL (OBJECT): reason".
[[noreturn]] inline void throw_system_error(int error, const char* call, const std::string& object = {}) {
  throw std::system_error(error, std::system_category(),
                          object.empty() ? call : std::string(call) + " (" + object + ")");
}
// The same for errno.
[[noreturn]] inline void throw_system_error(const char* call, const std::string& object = {}) {
  throw_system_error(errno, call, object);
}

// Calls until it is not interrupted by a signal.
template <class Call>
auto retry_interrupted(Call call) noexcept(noexcept(call())) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace plait::os
