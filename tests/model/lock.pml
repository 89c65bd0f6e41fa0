// SPDX-License-Identifier: Apache-2.0
//
// threading::Lock over the parking lot (src/threading/lock.cpp, parking_lot.hpp, waiter.cpp): bits of the word, the line of
// waiters, waking, timeouts and stops, the hand-over, and the last access of a release.
//
// Three threads take the lock ROUNDS times; one of them may give up at any moment.
//
// Invariants: one owner at a time; whoever waits is woken or gives up (no deadlock: an end state is that all have
// ended); who gave up is not in the line; the lock is not written after its release.
//
// Mutants: NO_RECHECK (a waiter joins the line without looking at the word under the line's lock), BIT_OUTSIDE (it sets
// has_waiters before it locks the line), FORGETS_OTHERS (a release clears has_waiters though more wait), WAKE_UNLINKED (who
// gives up does not look whether it was taken from the line), SLEEP_BLINDLY (it sleeps without comparing its word),
// FREE_AND_HAND_OVER (a release that hands over also frees), TOUCH_AFTER (a release writes the word after freeing it).

#define THREADS 3
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define NOBODY 255

#define LOCKED 1
#define WAITERS 2

mtype = { waiting, asleep, stopped, woken };

byte word = 0;          // of the lock
byte owner = NOBODY;    // ghost
bit line_locked = 0;    // of the parking lot: not of the lock

chan line = [THREADS] of { byte };
mtype state[THREADS];      // the waiters' words
bit linked[THREADS];
bit wants[THREADS];        // the hand-over
bit handed[THREADS];
bit sleeping[THREADS];     // in the kernel

inline lock_line() { atomic { line_locked == 0 -> line_locked = 1 } }
inline unlock_line() { line_locked = 0 }

// The waker: the exchange, then the system call if the waiter was asleep or stopped.
inline wake(who, was) {
  d_step { was = state[who]; state[who] = woken }
  if
  :: was != waiting -> sleeping[who] = 0
  :: else
  fi
}

inline remove_self() {
  d_step {
    linked[me] = 0;
    count = len(line);
    do
    :: count > 0 -> line?first; count--; if :: first != me -> line!first :: else fi
    :: else -> break
    od;
    first = NOBODY; count = 0
  }
}

proctype thread(byte me; bit may_give_up) {
  byte round = 0, first = NOBODY, count = 0;
  mtype was;
  bit gave_up, got, has_more;

  do
  :: round == ROUNDS -> break
  :: else ->
    round++;
    wants[me] = 0;
    got = 0; gave_up = 0;

    // ---- acquire
    do
    :: atomic { (word & LOCKED) == 0 -> word = word | LOCKED; got = 1 }; break
    :: (word & LOCKED) != 0 ->
#ifdef BIT_OUTSIDE
      atomic { if :: (word & LOCKED) != 0 -> word = word | WAITERS :: else fi };
#endif
      lock_line();
#ifdef NO_RECHECK
      word = word | WAITERS;
#else
#ifndef BIT_OUTSIDE
      if
      :: atomic { (word & LOCKED) == 0 -> line_locked = 0 }; goto again
      :: atomic { (word & LOCKED) != 0 -> word = word | WAITERS }
      fi;
#endif
#endif
      d_step { state[me] = waiting; linked[me] = 1; handed[me] = 0; line!me };
      unlock_line();

      // ---- Waiter::wait
      if
      :: atomic { state[me] == waiting -> state[me] = asleep };
#ifdef SLEEP_BLINDLY
        sleeping[me] = 1;
#else
        // futex_wait compares and sleeps in one step
        atomic { if :: state[me] == asleep -> sleeping[me] = 1 :: else fi };
#endif
        if
        :: sleeping[me] == 0
        :: may_give_up && sleeping[me] -> sleeping[me] = 0                                        // the deadline
        :: atomic { may_give_up && state[me] != woken -> state[me] = stopped; sleeping[me] = 0 }   // the stop's callback
        fi
      :: state[me] == woken                                                                       // while it spun
      :: atomic { may_give_up && state[me] == waiting -> state[me] = stopped }                     // stopped while it spun
      fi;
      if
      :: state[me] == woken
      :: state[me] != woken ->
        lock_line();
#ifdef WAKE_UNLINKED
        if
        :: linked[me] -> remove_self()
        :: else
        fi;
        gave_up = 1; unlock_line(); break;
#else
        if
        :: linked[me] -> remove_self(); gave_up = 1; unlock_line(); break
        :: else -> unlock_line(); state[me] == woken   // await_wake
        fi
#endif
      fi;
      if
      :: handed[me] -> got = 1; break
      :: else -> wants[me] = 1
      fi;
again:  skip
    od;

    if
    :: gave_up -> assert(!linked[me])
    :: else ->
      // ---- the critical section
      assert(owner == NOBODY);
      owner = me;
      assert((word & LOCKED) != 0);
      owner = NOBODY;

      // ---- release
      if
      :: atomic { word == LOCKED -> word = 0 }
#ifdef TOUCH_AFTER
        ; word = 0
#endif
      :: atomic { (word & WAITERS) != 0 -> skip };
        lock_line();
        assert((word & LOCKED) != 0);
        first = NOBODY;
        if
        :: d_step { nempty(line) -> line?first; linked[first] = 0 }
        :: empty(line)
        fi;
        has_more = nempty(line);
#ifdef FORGETS_OTHERS
        has_more = 0;
#endif
        if
        :: first != NOBODY && wants[first] -> handed[first] = 1;
#ifdef FREE_AND_HAND_OVER
          word = (has_more -> WAITERS : 0)
#else
          word = LOCKED | (has_more -> WAITERS : 0)
#endif
        :: else -> word = (has_more -> WAITERS : 0)
        fi;
        unlock_line();
        if
        :: first != NOBODY -> wake(first, was)
        :: else
        fi;
        first = NOBODY
      fi
    fi
  od
}

init {
  atomic {
    run thread(0, 0);
    run thread(1, 0);
    run thread(2, 1)
  }
}
