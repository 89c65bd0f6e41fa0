// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// When handlers of fork are registered: before any static object is made, also of users, who may start processes there.
// A child that is forked while another thread registers one, later, would not run it.
//
//   [[gnu::constructor(os::registers_handlers)]] void register_handlers() { pthread_atfork(…); }

#include <pthread.h>

#include <mutex>

namespace plait::os {

// Priorities of constructors. fork() takes locks in the reverse order: so those under which no other is taken come
// first. Objects that are constinit can register theirs, those that are not do so when they are made, early.
inline constexpr int registers_innermost_locks = 101;
inline constexpr int registers_handlers = 102;

// fork() waits for the mutex, so that a child finds what it guards whole, and the mutex free.
template <std::mutex& mutex>
void hold_over_fork() noexcept {
  pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
}

}  // namespace plait::os
