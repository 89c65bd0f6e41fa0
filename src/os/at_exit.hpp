// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// atexit, beside which other threads may fork: the lock of the C library for it is not free in a child that is forked
// while it is held, and the child could not even exit.

namespace plait::os {

// Throws std::bad_alloc. fork() waits for it.
void at_exit(void (*callback)());

}  // namespace plait::os
