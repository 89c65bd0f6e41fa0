// SPDX-License-Identifier: Apache-2.0
// AddressSanitizer of gcc before 14 is not made for fork(): a lock of its own that another thread holds at that moment
// stays locked in the child, which hangs in its first allocation. Here its locks are held over each fork, as glibc
// holds those of its own allocator. The functions have no header and are found only in the static library of the
// sanitizer.

#include <pthread.h>

namespace __lsan {  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
void LockThreadRegistry();
void UnlockThreadRegistry();
void LockAllocator();
void UnlockAllocator();
}  // namespace __lsan
namespace __sanitizer {  // NOLINT(bugprone-reserved-identifier)
void StackDepotLockAll();
void StackDepotUnlockAll();
}  // namespace __sanitizer

namespace {

void lock_all() {
  __lsan::LockThreadRegistry();
  __lsan::LockAllocator();
  __sanitizer::StackDepotLockAll();
}
void unlock_all() {
  __sanitizer::StackDepotUnlockAll();
  __lsan::UnlockAllocator();
  __lsan::UnlockThreadRegistry();
}

// The first handler of all: these locks are the last to be taken and the first to be given back.
[[gnu::constructor(101)]] void hold_locks_over_forks() { (void)pthread_atfork(lock_all, unlock_all, unlock_all); }

}  // namespace
