// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Threads as the kernel sees them.

#include <string>

namespace plait::os {

// The name of the calling thread in ps, top and debuggers; cut at 15 characters.
void set_thread_name(const char* name) noexcept;
[[nodiscard]] std::string thread_name();

// How many threads this process has, by /proc/self/task; those of a sanitizer's runtime are not counted. One that has
// just been joined may still be counted for a moment. Throws std::system_error: /proc is not there.
[[nodiscard]] int thread_count();

}  // namespace plait::os
