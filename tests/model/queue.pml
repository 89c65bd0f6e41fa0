// SPDX-License-Identifier: Apache-2.0
// The waiting of a queue with two ends (src/queue/queue_core.cpp, docs/design/queue.md): threads that put and threads
// that take, under a lock for each end, sleep in lists under a third lock; one of each may time out, the item of one put
// and of one get may throw, and the queue is shut down. In all interleavings.
//
// Items are counted only. The accesses outside of locks are the two of each Dekker pair, which are seq_cst, so that
// interleaving is what the hardware can do. A list is a set from which any is taken. Spinning is left out: it ends in the
// look that is here.
//
// Shown: nobody sleeps for ever while there is an item, or room, for them; and with DESTROY, that the taker of the last
// item may destroy the queue at once, and with EARLY_SHUTDOWN whoever sees the shutdown last.
//
// Mutants: FLAG_AFTER_LOOK (a waiter looks once more before it says that it waits), WAKE_BEFORE_PUT (a putter looks for
// waiters before its item counts), KEEPS_WAKE (whose item throws does not pass the wake-up on), DEAF_TIMEOUT (who times
// out while it is being woken does not look again), WAKE_AFTER_UNLOCK (waiters are looked for after the lock has been
// given up), PEEK (a taker looks for items without the put lock), SHUTDOWN_UNLOCKED (shutdown takes the wait lock only).

#ifndef PUTTERS
#define PUTTERS 2
#endif
#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef ITEMS
#define ITEMS 2  // of each putter
#endif
#ifndef BOUND
#define BOUND 1
#endif

#define THREADS (TAKERS + PUTTERS)  // takers come first
#define NOBODY 255

byte puts = 0, takes = 0, known_puts = 0, known_room = BOUND;
bool take_lock = false, put_lock = false, wait_lock = false;
bool takers_wait = false, putters_wait = false, shut_down = false;
bool linked[THREADS], woken[THREADS];

byte putters_over = 0, takers_over = 0;
bool may_time_out_taking = true, may_time_out_putting = true, may_fail_taking = true, may_fail_putting = true;
bool destroyed = false;

#define touch assert(!destroyed)

inline lock(which) { atomic { !which -> touch; which = true } }
inline unlock(which) { atomic { touch; which = false } }

inline is_any_linked(from, to, result) {
  result = false;
  index = from;
  do
  :: index < to -> result = result || linked[index]; index++
  :: else -> break
  od
}

// Takes one of them from their list, with the wait lock.
inline let_go(from, to, flag, chain) {
  atomic {
    touch;
    chain = NOBODY;
    index = from;
    do
    :: index < to && linked[index] -> chain = index; break
    :: index < to && !linked[index] -> index++
    :: else -> break
    od;
    // any of them, not only the first
    if
    :: chain != NOBODY && chain + 1 < to && linked[chain + 1] -> chain = chain + 1
    :: true
    fi;
    if
    :: chain != NOBODY -> linked[chain] = false
    :: else
    fi;
    is_any_linked(from, to, flag)
  }
}
inline wake(chain) {
  if
  :: chain != NOBODY -> woken[chain] = true
  :: else
  fi
}

// With the lock `held`, which it gives up. `gave_up`: it timed out, and was not woken.
inline sleep(me, from, to, flag, held, must_wait, may_time_out) {
  gave_up = false;
  lock(wait_lock);
#ifdef FLAG_AFTER_LOOK
  waits = must_wait;
  flag = true;
#else
  flag = true;
  waits = must_wait;
#endif
  atomic {
    if
    :: waits -> linked[me] = true; woken[me] = false
    :: else -> is_any_linked(from, to, flag)
    fi
  }
  unlock(wait_lock);
  unlock(held);
  if
  :: waits ->
     if
     :: woken[me]
     :: may_time_out ->
        may_time_out = false;
        lock(wait_lock);
        atomic {
          if
          :: linked[me] -> linked[me] = false; gave_up = true; is_any_linked(from, to, flag)
          :: else
          fi
        }
        unlock(wait_lock);
        if
        :: gave_up
        :: else ->
           woken[me];
#ifdef DEAF_TIMEOUT
           gave_up = true;
           deaf = true
#else
           gave_up = true
#endif
        fi
     fi
  :: else
  fi
}

proctype Putter(byte me) {
  byte index, chain = NOBODY, item = 0;
  bool waits, gave_up, deaf = false, there;
  do
  :: item == ITEMS -> break
  :: else ->
     gave_up = false;
     lock(put_lock);
     do
     :: shut_down -> unlock(put_lock); goto over
     :: !shut_down && puts < known_room -> break
     :: else ->
        known_room = takes + BOUND;
        if
        :: puts < known_room -> break
        :: else ->
           if
           :: gave_up -> unlock(put_lock); goto over
           :: else ->
              sleep(me, TAKERS, THREADS, putters_wait, put_lock, (puts - takes >= BOUND), may_time_out_putting);
              if
              :: deaf -> goto over
              :: else
              fi;
              lock(put_lock)
           fi
        fi
     od;
     if
     :: may_fail_putting ->  // its move throws, and it leaves
        may_fail_putting = false;
        lock(wait_lock);
#ifndef KEEPS_WAKE
        let_go(TAKERS, THREADS, putters_wait, chain);
#endif
        unlock(wait_lock);
        unlock(put_lock);
        wake(chain);
        goto over
     :: true ->
#ifdef WAKE_BEFORE_PUT
        there = takers_wait;
#endif
        puts++;
#ifdef WAKE_AFTER_UNLOCK
        unlock(put_lock);
#endif
#ifndef WAKE_BEFORE_PUT
        atomic { touch; there = takers_wait };
#endif
        chain = NOBODY;
        if
        :: there -> lock(wait_lock); let_go(0, TAKERS, takers_wait, chain); unlock(wait_lock)
        :: else
        fi;
#ifndef WAKE_AFTER_UNLOCK
        unlock(put_lock);
#endif
        wake(chain);
        item++
     fi
  od;
over:
  putters_over++
}

proctype Taker(byte me) {
  byte index, chain = NOBODY;
  bool waits, gave_up, deaf = false, there, seen;
  do
  :: true ->
     gave_up = false;
     lock(take_lock);
     do
     :: takes != known_puts -> break
     :: else ->
#ifdef PEEK
        atomic { known_puts = puts; seen = shut_down };
#else
        lock(put_lock);
        known_puts = puts;
        seen = shut_down;
        unlock(put_lock);
#endif
        if
        :: takes != known_puts -> break
        :: else ->
           if
           :: seen || gave_up -> unlock(take_lock); goto over
           :: else ->
              sleep(me, 0, TAKERS, takers_wait, take_lock, (puts == takes && !shut_down), may_time_out_taking);
              if
              :: deaf -> goto over
              :: else
              fi;
              lock(take_lock)
           fi
        fi
     od;
     chain = NOBODY;
     if
     :: may_fail_taking ->  // its move throws, and it leaves
        may_fail_taking = false;
        lock(wait_lock);
#ifndef KEEPS_WAKE
        let_go(0, TAKERS, takers_wait, chain);
#endif
        unlock(wait_lock);
        unlock(take_lock);
        wake(chain);
        goto over
     :: true ->
        takes++;
        there = putters_wait;
        if
        :: there -> lock(wait_lock); let_go(TAKERS, THREADS, putters_wait, chain); unlock(wait_lock)
        :: else
        fi;
#ifdef DESTROY
        seen = (takes == PUTTERS * ITEMS);  // that were all
#endif
        unlock(take_lock);
        wake(chain);
#ifdef DESTROY
        if
        :: seen -> destroyed = true; goto over
        :: else
        fi
#endif
     fi
  od;
over:
  takers_over++
#ifdef EARLY_SHUTDOWN
  // The last to leave has seen the shutdown, or it and another one have.
  ;
  atomic {
    if
    :: takers_over == TAKERS && putters_over == PUTTERS && seen && shut_down -> destroyed = true
    :: else
    fi
  }
#endif
}

inline let_all_go() {
  atomic {
    touch;
    index = 0;
    do
    :: index < THREADS -> all[index] = linked[index]; linked[index] = false; index++
    :: else -> break
    od;
    takers_wait = false;
    putters_wait = false
  }
}

// Shuts down when all that was put has been taken: until then, who sleeps is woken by the others or not at all.
proctype Closer() {
  byte index;
  bool all[THREADS];
#ifndef EARLY_SHUTDOWN
  (takers_over == TAKERS || (putters_over == PUTTERS && puts == takes));
#endif
#ifndef SHUTDOWN_UNLOCKED
  lock(take_lock);
  lock(put_lock);
#endif
  shut_down = true;
  lock(wait_lock);
  let_all_go();
  unlock(wait_lock);
#ifndef SHUTDOWN_UNLOCKED
  unlock(take_lock);
  unlock(put_lock);
#endif
  index = 0;
  do
  :: index < THREADS -> woken[index] = woken[index] || all[index]; index++
  :: else -> break
  od
}

init {
  byte thread = 0;
  atomic {
#ifdef TAKERS_STAY
    may_time_out_taking = false;
    may_fail_taking = false;
#endif
#ifdef PUTTERS_STAY
    may_time_out_putting = false;
    may_fail_putting = false;
#endif
    do
    :: thread < TAKERS -> run Taker(thread); thread++
    :: thread >= TAKERS && thread < THREADS -> run Putter(thread); thread++
    :: else -> break
    od;
#ifndef DESTROY
    run Closer()
#endif
  }
  (_nr_pr == 1)  // all have ended: a sleeper left behind is an invalid end state
}
