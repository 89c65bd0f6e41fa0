// SPDX-License-Identifier: Apache-2.0
//
// What wait(), as_completed() and imap_unordered() wait with (src/futures/completions.cpp): two futures that settle, each
// in a thread of its own, and a thread that waits for one or both, perhaps gives up, takes what has settled, and ends.
//
// Each of the futures has a lock under which its settler tells the observer (FutureState::notify_observers), and which
// remove_observer takes. What is told is counted under the mutex; the waiting thread reads the count without it. When the
// waiting thread has ended, the object is gone (`alive` = 0), though a settler may be in its last instructions.
//
// Shown: the waiting thread does not sleep over what it waits for (no deadlock), what it takes it takes once and all of
// it in the end, and nobody touches the object when it is gone.
//
// Mutants: LOOK_THEN_COUNT (a settler looks whether somebody is to be woken before it has the mutex), WAKE_THEN_COUNT (it
// wakes before it counts), END_WITHOUT_LOCK (what was counted is taken without the mutex), TOUCH_AFTER (a settler says
// that it has woken after it has let the mutex go), LEAVE_TOLD (the end does not ask the futures whose settling was not
// taken), SLEEP_BLINDLY (the count is not compared when going to sleep).

#define NOBODY 9

bit state_locked[2];
bit linked[2];
bit mutex = 0;
bit alive = 1;      // ghost: the object is there
byte listed = 0;    // settled and not fetched, as the list has it
byte settled = 0;   // and as the count says
byte wake_at = NOBODY;
bit asleep = 0;
byte taken = 0;

inline lock(what) { atomic { !what -> what = 1 } }
inline unlock(what) { what = 0 }
inline futex_wake() { asleep = 0 }  // by address: the object may be gone

proctype settler(byte me) {
  bit wake = 0;
  lock(state_locked[me]);
  if
  :: linked[me] ->
    linked[me] = 0;
    assert(alive);
#ifdef LOOK_THEN_COUNT
    wake = (settled + 1 >= wake_at);
#endif
    lock(mutex);
    assert(alive);
    listed++;
#ifdef WAKE_THEN_COUNT
    if :: settled + 1 >= wake_at -> futex_wake() :: else fi;
#endif
    settled = settled + 1;
    assert(alive);
#ifndef LOOK_THEN_COUNT
#ifndef WAKE_THEN_COUNT
    wake = (settled >= wake_at);
#endif
#endif
#ifndef TOUCH_AFTER
    if :: wake -> wake_at = NOBODY :: else fi;
#endif
    assert(alive);
    unlock(mutex);
#ifdef TOUCH_AFTER
    if :: wake -> assert(alive); wake_at = NOBODY :: else fi;
#endif
    if :: wake -> futex_wake() :: else fi
  :: else
  fi;
  unlock(state_locked[me])
}

inline fetch() {
#ifdef END_WITHOUT_LOCK
  taken = taken + settled;
  listed = listed - settled;
  settled = 0;
#else
  lock(mutex);
  assert(listed == settled);
  taken = taken + listed;
  listed = 0;
  settled = 0;
  unlock(mutex);
#endif
}

inline remove_observer(which) {
  lock(state_locked[which]);
  linked[which] = 0;
  unlock(state_locked[which])
}

active proctype waiter() {
  byte wanted, seen;
  bit patient, gave_up = 0;
  if :: patient = 0 :: patient = 1 fi;
  atomic { linked[0] = 1; linked[1] = 1; run settler(0); run settler(1) };
  do
  :: taken == 2 || gave_up -> break
  :: else ->
    if
    :: wanted = 1
    :: taken == 0 -> wanted = 2
    fi;
    if
    :: settled >= wanted
    :: else ->
      lock(mutex);
      wake_at = wanted;
      unlock(mutex);
      do
      :: seen = settled;
        if
        :: seen >= wanted -> break
        :: else
        fi;
#ifdef SLEEP_BLINDLY
        asleep = 1;
#else
        atomic { if :: settled == seen -> asleep = 1 :: else fi };
#endif
        if
        :: asleep == 0
        :: !patient -> gave_up = 1; asleep = 0; break
        fi
      od
    fi;
    fetch()
  od;
  assert(taken <= 2);
  if
  :: taken == 2  // told of all, and known to be let go
  :: else ->
#ifndef LEAVE_TOLD
    remove_observer(0);
    remove_observer(1)
#endif
  fi;
  alive = 0
}
