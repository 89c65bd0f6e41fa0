// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What happens in a thread that plait knows when it ends: first the values of its locals go, then its Thread is told.

namespace plait::detail {

// For the calling thread, whoever started it. Any number of times. Throws std::system_error.
void watch_thread_end();

// The first of the two: local.cpp.
void destroy_local_values() noexcept;

}  // namespace plait::detail
