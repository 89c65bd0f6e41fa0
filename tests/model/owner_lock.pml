// SPDX-License-Identifier: Apache-2.0
//
// A lock between processes whose word names its owner, as docs/design/shared-objects.md plans it: with deaths at any step,
// timeouts, and recovery by a watcher.
//
// Processes 1 … N take the lock ROUNDS times; one of them may be killed at any step, another may give up waiting. When
// the watcher sees the death it changes a word that names the dead to ABANDONED, and wakes all who sleep.
//
// Invariants: at most one living owner; everybody who lives ends (nobody is left asleep); that its owner died with the
// lock is told once at most.
//
// Mutants: NO_BROADCAST (recovery wakes nobody), FORGETS_SLEEPERS (who has slept acquires without the bit),
// GIVES_UP_SILENTLY (who gives up after a wake-up does not pass it on).

#ifndef N
#define N 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define ABANDONED 7
#define SLEEPERS 8
#define OWNER(w) ((w) & 7)

#if N > 2
#define NOBODY_SLEEPS (!asleep[1] && !asleep[2] && !asleep[3])
#else
#define NOBODY_SLEEPS (!asleep[1] && !asleep[2])
#endif

byte word = 0;
bit asleep[N + 1];
bit dead[N + 1];
bit ended[N + 1];
byte inside = 0;       // ghost: the living owner
byte told = 0;         // ghost: how often abandoned was told
bit died_inside = 0;   // ghost

// FUTEX_WAKE of one: any of those asleep.
inline wake_one() {
  if
  :: atomic { asleep[1] -> asleep[1] = 0 }
  :: atomic { asleep[2] -> asleep[2] = 0 }
#if N > 2
  :: atomic { asleep[3] -> asleep[3] = 0 }
#endif
  :: NOBODY_SLEEPS
  fi
}

proctype process(byte me; bit may_give_up) {
  byte round = 0, seen = 0;
  bit slept = 0;

  {
  do
  :: round == ROUNDS -> break
  :: else ->
    round++;
    slept = 0;
    do
    :: atomic { OWNER(word) == 0 || OWNER(word) == ABANDONED ->
         if
         :: OWNER(word) == ABANDONED -> told++; assert(died_inside && told == 1)
         :: else
         fi;
#ifdef FORGETS_SLEEPERS
         word = me | (word & SLEEPERS);
#else
         word = me | (word & SLEEPERS) | (slept -> SLEEPERS : 0);
#endif
         assert(inside == 0);
         inside = me }; goto have
    :: OWNER(word) != 0 && OWNER(word) != ABANDONED ->
       if
       :: may_give_up ->
#ifndef GIVES_UP_SILENTLY
          if
          :: slept ->
             if
             :: atomic { OWNER(word) != 0 && OWNER(word) != ABANDONED -> word = word | SLEEPERS }
             :: atomic { OWNER(word) == 0 || OWNER(word) == ABANDONED -> skip }; goto again
             fi
          :: else
          fi;
#endif
          goto done
       :: skip
       fi;
       // set the bit, then sleep if the word is still that
       if
       :: atomic { OWNER(word) != 0 && OWNER(word) != ABANDONED -> word = word | SLEEPERS; seen = word }
       :: atomic { OWNER(word) == 0 || OWNER(word) == ABANDONED -> skip }; goto again
       fi;
       atomic { if :: word == seen -> asleep[me] = 1 :: else fi };
       if
       :: !asleep[me]
       :: may_give_up && asleep[me] -> asleep[me] = 0   // the deadline; the kernel says that nobody woke it
       fi;
       slept = 1;
again: skip
    od;
have:
    // critical section; release
    atomic { assert(OWNER(word) == me && inside == me); inside = 0; seen = word; word = 0 };
    if
    :: (seen & SLEEPERS) != 0 -> wake_one()
    :: else
    fi
  od;
done: skip
  } unless { dead[me] };
  ended[me] = 1
}

// Kills process 1 at any step, or never; then what the watcher does.
proctype watcher() {
  if
  :: d_step { !ended[1] -> dead[1] = 1; asleep[1] = 0; if :: inside == 1 -> inside = 0; died_inside = 1 :: else fi };
     if
     :: d_step { OWNER(word) == 1 -> word = ABANDONED | (word & SLEEPERS) }
     :: d_step { OWNER(word) != 1 -> skip }
     fi;
#ifdef NO_BROADCAST
     skip
#else
     atomic { asleep[2] = 0
#if N > 2
       ; asleep[3] = 0
#endif
     }
#endif
  :: true
  fi
}

init {
  atomic {
    run process(1, 0);
    run process(2, 0);
#if N > 2
    run process(3, 1);
#endif
    run watcher()
  }
}
