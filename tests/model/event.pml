// SPDX-License-Identifier: Apache-2.0
//
// threading::Event over the parking lot (src/threading/event.cpp): flag and has_waiters in one word, timeouts,
// and the end of the event as soon as the waits are over.
//
// Two waiters wait once, the second may give up; a setter sets once. When all waits are over the event is gone (`alive` = 0), though set() may be in its last instructions.
//
// Invariants: once set, both waiters return; the event is not touched when it is gone.
//
// Mutants: SET_THEN_LOCK (set() publishes the flag before it locks the line, and clears has_waiters after), NO_RECHECK (a
// waiter joins the line without looking at the flag under the line's lock), QUIET_SET (set() overlooks has_waiters).

#define FLAG 1
#define WAITERS 2

byte word = 0;
bit alive = 1;       // ghost: the memory of the event
byte waits = 2;      // ghost: waits that have not returned
bit line_locked = 0;
bit linked[2];
bit woken[2];
bit returned_true[2];
bit was_set = 0;

inline lock_line() { atomic { line_locked == 0 -> line_locked = 1 } }
inline unlock_line() { line_locked = 0 }
inline touch() { assert(alive) }
inline returned() { d_step { waits--; if :: waits == 0 -> alive = 0 :: else fi } }

proctype waiter(byte me; bit may_give_up) {
  touch();
  if
  :: (word & FLAG) != 0 -> returned_true[me] = 1; goto done
  :: else
  fi;
  lock_line();
  touch();
#ifdef NO_RECHECK
  word = word | WAITERS;
#else
  if
  :: atomic { (word & FLAG) != 0 -> returned_true[me] = 1 }; unlock_line(); goto done
  :: atomic { (word & FLAG) == 0 -> word = word | WAITERS }
  fi;
#endif
  linked[me] = 1;
  unlock_line();
  if
  :: woken[me] == 1 -> returned_true[me] = 1
  :: may_give_up ->
    lock_line();
    if
    :: linked[me] -> linked[me] = 0; unlock_line()
    :: else -> unlock_line(); woken[me] == 1; returned_true[me] = 1
    fi
  fi;
done:
  returned()
}

proctype setter() {
  bit wake0 = 0, wake1 = 0;
  touch();
  if
#ifdef QUIET_SET
  :: atomic { word = FLAG; was_set = 1 }
#else
  :: atomic { (word & WAITERS) == 0 -> word = FLAG; was_set = 1 }
#endif
  :: (word & WAITERS) != 0 ->
#ifdef SET_THEN_LOCK
    word = word | FLAG;
#endif
    lock_line();
#ifdef SET_THEN_LOCK
    touch();
#else
    assert(alive);
#endif
    word = FLAG;          // the last access
    was_set = 1;
    d_step { if :: linked[0] -> linked[0] = 0; wake0 = 1 :: else fi; if :: linked[1] -> linked[1] = 0; wake1 = 1 :: else fi };
    unlock_line();
    if :: wake0 -> woken[0] = 1 :: else fi;
    if :: wake1 -> woken[1] = 1 :: else fi
  fi
}

init {
  atomic { run waiter(0, 0); run waiter(1, 1); run setter() }
}
