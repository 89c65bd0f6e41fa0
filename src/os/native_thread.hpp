// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Threads of the system with a stack of a chosen size, and the end of any thread, whoever made it.

#include <pthread.h>
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace plait::os {

// What a new thread runs. Not noexcept: pthread_exit unwinds it.
using ThreadMain = void* (*)(void*);

// A new, joinable thread; it inherits the signal mask. `stack_size` 0: the system's default. Throws std::system_error:
// the system has no thread to give (EAGAIN), or the stack is too small for it (EINVAL).
[[nodiscard]] pthread_t start_thread(ThreadMain main, void* context, std::size_t stack_size);
// Once for each thread, one of them.
void join_thread(pthread_t thread) noexcept;
void detach_thread(pthread_t thread) noexcept;

// The name of a thread that has not been joined; see set_thread_name.
void set_thread_name(pthread_t thread, const std::string& name) noexcept;
// What the system keeps of a name: 15 bytes, without half a character of UTF-8 at the end.
[[nodiscard]] std::string short_thread_name(const std::string& name);
// The name that the kernel has for a thread of this process; empty if there is none such.
[[nodiscard]] std::string thread_name(pid_t native_id);

[[nodiscard]] pid_t native_thread_id() noexcept;
// That of the main thread is the process's.
[[nodiscard]] pid_t process_id() noexcept;
// The first thread of the process, or that which forked it.
[[nodiscard]] bool is_main_thread() noexcept;

// Calls `at_end()` when the calling thread ends, after the destructors of its thread_local variables; also when it is
// cancelled, but not for a thread that ends the program. There is one such function for all of plait. Once called, it
// is not called again unless it is asked for again. Throws std::system_error.
void watch_thread_end(void (*at_end)());

// Sleeps until the process ends.
[[noreturn]] void sleep_forever() noexcept;

}  // namespace plait::os
