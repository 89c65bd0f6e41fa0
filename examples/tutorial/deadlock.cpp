// SPDX-License-Identifier: Apache-2.0
//
// A takes a, then b; B takes b, then a: each has what the other waits for. Run with PLAIT_DEADLOCK=1 the one that would
// close the circle gets DeadlockError, and the other goes on. (Without, and unlucky, this program hangs.)

#include <plait/threading.hpp>

#include <cstdio>
#include <mutex>

using plait::threading::Barrier;
using plait::threading::DeadlockError;
using plait::threading::Lock;
using plait::threading::Thread;

Barrier both_hold_one(2);

void acquire_both(Lock& first, Lock& second) {
  try {
    std::scoped_lock held(first);
    both_hold_one.wait();
    std::scoped_lock also_held(second);
    std::puts("has both");
  } catch (const DeadlockError&) {
    std::puts("would have waited for ever");
  }
}

int main() {
  Lock a, b;
  Thread thread_a(acquire_both, a, b), thread_b(acquire_both, b, a);
  thread_a.start();
  thread_b.start();
}
