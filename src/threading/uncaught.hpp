// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Exceptions that nobody catches: of threads, which go to the hook, and of callbacks at the end of the program.

#include <exception>

namespace plait::detail {
class ThreadState;
}

namespace plait::threading {

// Gives it to threading::excepthook. What the hook throws is reported, and then the exception itself.
void report_uncaught(detail::ThreadState& thread, const std::exception_ptr& error);

// In a handler of all exceptions: it was entered by pthread_exit or pthread_cancel, which it must let go on.
bool is_forced_unwind() noexcept;

// "Exception in WHERE:" with type and message to stderr.
void report_exception(const char* where, const std::exception_ptr& error) noexcept;

}  // namespace plait::threading
