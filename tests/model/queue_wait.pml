// SPDX-License-Identifier: Apache-2.0
//
// Somebody who waits for two queues at once, without taking anything, among those who get from them
// (src/shm/queue_wait.hpp). Of a queue here are: how many items are in it, the word on which getters sleep, and who does.
// What a get and a put are made of is in shared_queue.pml.
//
// By default each queue has a getter and an item to come. TWO_OF_ONE: queue 0 has two getters and two items, queue 1
// none; ONE_GETTER: queue 0 one and one; UNREAD: there are no getters and one item of queue 1. WAITERS wait for both
// queues, for ever, or until their time is over, which may be whenever they sleep. KILLED: the first may be killed
// at any step; then all who sleep are woken.
//
// Invariants, when nothing moves any more: every getter has its item; nobody waits for the queues while one of them has
// an item.
//
// Mutants: KEEPS_WAKE (who has waited passes nothing on), PASSES_ON_ONE (only of the queue that has ended its sleep),
// FORGETS_OTHERS (wakes the next, but does not say again that some may be asleep), DEAF_TIMEOUT (passes nothing on when
// its time is over), NO_SECOND_LOOK, ANNOUNCES_LATE (sleeps on what the words are after the second look), NO_BROADCAST.

#ifndef WAITERS
#define WAITERS 1
#endif
#define N 5                     // processes that sleep: getters 1 of queue 0 and 2; 3 and 4 wait; 0 is none

byte items[2];
bit some[2];                    // the word: somebody may be asleep,
byte taken[2];                  // and how often it was taken
bit asleep[10];                 // process + N * queue
bit over[N], dead;

// FUTEX_WAKE of one, whichever.
inline wake_one(q) {
  if
  :: atomic { asleep[1 + N * q] -> asleep[1 + N * q] = 0 }
  :: atomic { asleep[2 + N * q] -> asleep[2 + N * q] = 0 }
  :: atomic { asleep[3 + N * q] -> asleep[3 + N * q] = 0 }
  :: atomic { asleep[4 + N * q] -> asleep[4 + N * q] = 0 }
  :: !asleep[1 + N * q] && !asleep[2 + N * q] && !asleep[3 + N * q] && !asleep[4 + N * q]
  fi
}

inline take_and_wake(q) {
  if
  :: atomic { some[q] -> some[q] = 0; taken[q]++ }; wake_one(q)
  :: !some[q]
  fi
}

// SleepersWord::pass_on()
inline pass_on(q) {
  some[q] = 1;
  if
  :: items[q] != 0 -> take_and_wake(q)
  :: else
  fi
}

// The kernel compares and puts to sleep in one step; false: the word is another.
inline sleep_on(q, before, is_asleep) {
  atomic {
    if
    :: some[q] && taken[q] == before -> asleep[me + N * q] = 1; is_asleep = 1
    :: else -> is_asleep = 0
    fi
  }
}

proctype putter(byte q, count) {
  do
  :: atomic { count > 0 -> items[q]++; count-- }; take_and_wake(q)
  :: else -> break
  od
}

proctype getter(byte me, q) {
  byte before;
  bit slept, is_asleep;
  do
  :: atomic { items[q] != 0 -> items[q]--; break }
  :: items[q] == 0 ->
     atomic { some[q] = 1; before = taken[q] };
     if
     :: items[q] != 0
     :: else ->
        sleep_on(q, before, is_asleep);
        !asleep[me + N * q];
        slept = 1
     fi
  od;
  if
  :: slept -> pass_on(q)
  :: else
  fi;
  over[me] = 1
}

#define ONE_IS_READY (items[0] != 0 || items[1] != 0)

proctype waiter(byte me) {
  byte before0, before1;
  bit is_asleep0, is_asleep1, woken1, in_time = 1, has_time;
  if
  :: has_time = 1               // for ever
  :: has_time = 0
  fi;
  {
  do
  :: !in_time || ONE_IS_READY -> break
  :: in_time ->
     atomic { some[0] = 1; before0 = taken[0] };
     atomic { some[1] = 1; before1 = taken[1] };
#ifndef NO_SECOND_LOOK
     if
     :: items[0] != 0 -> goto ready
     :: else
     fi;
     if
     :: items[1] != 0 -> goto ready
     :: else
     fi;
#endif
#ifdef ANNOUNCES_LATE
     before0 = taken[0];
     before1 = taken[1];
#endif
     // FUTEX_WAITV: one word after the other; the first that differs ends it
     sleep_on(0, before0, is_asleep0);
     if
     :: is_asleep0 -> sleep_on(1, before1, is_asleep1)
     :: else -> is_asleep1 = 0
     fi;
     if
     :: is_asleep0 && is_asleep1 ->
end_asleep:
        if
        :: !asleep[me] || !asleep[me + N]
        :: !has_time -> in_time = 0
        fi
     :: else
     fi;
     d_step { woken1 = is_asleep1 && !asleep[me + N]; asleep[me] = 0; asleep[me + N] = 0 };
#ifdef DEAF_TIMEOUT
     if
     :: !in_time -> goto ready
     :: else
     fi;
#endif
#ifdef FORGETS_OTHERS
     if
     :: items[0] != 0 -> pass_on(0)
     :: else
     fi;
     if
     :: items[1] != 0 -> pass_on(1)
     :: else
     fi
#else
#ifdef PASSES_ON_ONE
     if
     :: woken1 -> pass_on(1)
     :: else -> pass_on(0)
     fi
#else
#ifndef KEEPS_WAKE
     pass_on(0);
     pass_on(1)
#endif
#endif
#endif
  od;
ready: skip
  }
#ifdef KILLED
  unless { me == 3 && dead }
#endif
  ;
  over[me] = 1
}

inline broadcast(q) {
  taken[q]++;
  d_step { asleep[1 + N * q] = 0; asleep[2 + N * q] = 0; asleep[3 + N * q] = 0; asleep[4 + N * q] = 0 }
}

proctype killer() {
  if
  :: d_step { !over[3] -> dead = 1; asleep[3] = 0; asleep[3 + N] = 0 };
#ifndef NO_BROADCAST
     broadcast(0);
     broadcast(1)
#endif
  :: true
  fi
}

init {
  atomic {
#ifdef UNREAD
    over[1] = 1;
    run putter(1, 1);
#else
    run getter(1, 0);
#ifdef TWO_OF_ONE
    run putter(0, 2);
#else
    run putter(0, 1);
#endif
#endif
#if defined(UNREAD) || defined(ONE_GETTER)
    over[2] = 1;
#else
#ifdef TWO_OF_ONE
    run getter(2, 0);
#else
    run getter(2, 1);
    run putter(1, 1);
#endif
#endif
    run waiter(3);
#if WAITERS == 2
    run waiter(4);
#else
    over[4] = 1;
#endif
#ifdef KILLED
    run killer()
#endif
  }
end_quiet:
  timeout;
  assert(over[1] && over[2]);
  assert((over[3] && over[4]) || !ONE_IS_READY)
}
