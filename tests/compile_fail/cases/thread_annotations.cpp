// SPDX-License-Identifier: Apache-2.0
// What clang's -Wthread-safety makes of plait's locks.
// refused: writing variable 'balance' requires holding Lock 'lock'
#include "plait/threading/condition.hpp"
#include "plait/threading/lock.hpp"
#include "plait/threading/rlock.hpp"

using namespace plait::threading;

Lock lock;
long balance PLAIT_GUARDED_BY(lock) = 0;

RLock recursive;
long count PLAIT_GUARDED_BY(recursive) = 0;

Condition condition;
bool flag PLAIT_GUARDED_BY(condition) = false;

void with_a_guard() {
  const With held(lock);
  ++balance;
}

void by_hand() {
  recursive.acquire();
  ++count;
  recursive.release();
}

void if_it_is_free() {
  if (lock.acquire(false)) {
    ++balance;
    lock.release();
  }
}

void in_time() {
  if (!lock.acquire({.timeout = std::chrono::seconds(1)})) return;
  ++balance;
  lock.unlock();
}

void raise() {
  const With held(condition);
  flag = true;
  condition.notify();
}

#ifdef REFUSED
void without() { ++balance; }
#endif
