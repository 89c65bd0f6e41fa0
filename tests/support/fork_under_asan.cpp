// SPDX-License-Identifier: Apache-2.0
// AddressSanitizer's allocator is not made for fork() before gcc 14: a lock that another thread holds at that moment
// stays locked in the child, which hangs in its first allocation. Here its locks are held over each fork, as glibc
// holds those of its own allocator. The functions have no header and are found only in the static library of gcc's
// sanitizer.

#include <pthread.h>

#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)

namespace __lsan {  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
[[gnu::weak]] void LockAllocator();
[[gnu::weak]] void UnlockAllocator();
}  // namespace __lsan

namespace {

// The first handler of all: the allocator is the last thing to be locked and the first to be unlocked.
[[gnu::constructor(101)]] void hold_allocator_over_forks() {
  if (__lsan::LockAllocator == nullptr) return;
  (void)pthread_atfork(__lsan::LockAllocator, __lsan::UnlockAllocator, __lsan::UnlockAllocator);
}

}  // namespace

#endif
