/* SPDX-License-Identifier: Apache-2.0
 *
 * Who collects, and when the collector sleeps (src/pool/process_pool.cpp, docs/design/process-pool.md): the collector,
 * a thread that submits and helps, another that helps, one that has requests (callbacks, deaths, a stop), two workers.
 *
 * An access to what the mutex does not guard (bell, naps, helpers, requests, states of slots) is one step; what it
 * guards, to lock and to unlock go along with the step beside. Several looks without a store between them are one if
 * what they look for stays. A futex compares and sleeps in one step; to silence the bell and to wake who sleeps on it
 * are two.
 * Abstracted: parking and waking of workers (task_ring.pml); times, which are choices: a nap ends at any time, a
 * helper gives up at any time, a lane is worth sharing or not, but it is after a nap in which nothing came.
 * The thread that submits stops at any time, so what only its next task would mend is found too.
 *
 * Checked in all interleavings:
 *   collected  every task is collected, every request is answered: else there is an invalid end state
 *   awake      a task is in a lane and no helper inside: the collector is awake, naps, or the bell is armed
 *   stack      a task waits behind another while a worker is free: nobody sleeps on the bell
 *   spread     ... and after a nap in which nothing came it waits no longer
 *   prompt     nobody sleeps or naps over a request
 *
 * One task may wait until another has begun: if they are in one lane and nobody spreads them, they wait for ever.
 *
 * Parameters: TASKS, DEPTH, ONE_HELPER (only who submits helps), NO_REQUESTS, START_FAILS (the second worker cannot be
 * started at first, and again later; else it is there from the beginning). Mutants, in which spin must find an error:
 *   NO_STACK_CHECK      who arms the bell does not look whether tasks wait behind others
 *   SLEEP_OVER_STACK    the collector sleeps although they do
 *   STACK_UNWATCHED     tasks are stacked while the collector sleeps
 *   NO_NOTICE           the collector does not take the age of a running task for its length
 *   ARM_AFTER_LOOK      the collector looks at the lanes before it arms the bell, not after
 *   LEAVE_AFTER_LOOK    the helper too
 *   LEAVE_SILENTLY      the last helper does not arm
 *   POST_NEVER_ARMS     post does not care that the bell was left silent
 *   WATCH_NOT_CLEARED   the collector sleeps, and still says that it watches
 *   REQUEST_BEFORE_NAP  it looks for requests before it says that it naps
 *   DEAF_NAP            who has a request rings the bell, but does not end a nap
 *   QUIET_REFUSAL       post does not wake the collector when a worker could not be started
 *   NO_RETRY            the collector does not try again while tasks wait in the queue
 *   FORGOTTEN_QUEUE     it does, but only for a worker that could be started, not for one that is there and free
 */
#ifndef TASKS
#define TASKS 2  /* at most 3: two that wait for each other, no more in the queue than one */
#endif
#ifndef DEPTH
#define DEPTH 3
#endif
#define SLOTS 4
#define NONE 3

mtype = { vacant /* `empty`, which is a keyword here */, ready, claimed, done, revoked, skipped }
mtype = { nothing, ordinary, waits /* until the next has begun: */, awaited }

typedef Lane {
  mtype state[SLOTS + 1] = vacant;  /* from the oldest on; shared with the worker, the rest is the master's */
  mtype task[SLOTS] = nothing;      /* while it is ready */
  byte in_flight;
  byte held;        /* tasks among them */
  byte at;          /* the worker's position */
  bool rings_first;
  bool ringing;     /* ghost: an outcome is published, and the ring is not over */
}
Lane lane[2];

/* Under the mutex. */
bool mutex;
mtype queue = nothing;    /* a task that is in no lane; there are not enough for two */
byte hot;
bool lanes_full;
bool watches, left_silent, collected_by_others;
bool are_long;            /* it looks, and nothing has come for a whole nap: what is in the lanes is worth sharing */
byte posted, settled;

/* Not under the mutex. */
bool bell;                /* armed */
bool naps;                /* the futex word */
byte helpers;
bool request;

bool asleep, napping;     /* the collector, in the kernel, on `bell` or on `naps` */
byte wakers;              /* ghost: threads inside wake_collector */
bool waiter_posted, awaited_posted, awaited_begun;

#ifdef START_FAILS
bool second_started, start_refused, failed_once;
bool pausing;             /* no worker is started before next_start_ */
#else
#define second_started true
#define pausing false
#endif

#define IDLE(w) (lane[w].in_flight == 0)
#define ANOTHER_FREE (IDLE(0) || IDLE(1))  /* the second may be still to be started */
#define HAS_STACK ((queue != nothing || lane[0].held > 1 || lane[1].held > 1) && ANOTHER_FREE)
#ifdef FORGOTTEN_QUEUE
#define COULD_TAKE (!second_started && !pausing)
#else
#define COULD_TAKE (IDLE(0) || (second_started && IDLE(1)) || (!second_started && !pausing))
#endif
#define ROOM(w) (lane[w].held < DEPTH && lane[w].in_flight < SLOTS)
#define SETTLED(w) (lane[w].state[0] == done || lane[w].state[0] == skipped)
#define SOMETHING_TO_DO (request || SETTLED(0) || SETTLED(1))
#define BUSIEST (lane[1].held > lane[0].held -> 1 : 0)
#define LEAST_BUSY (second_started && lane[1].held < lane[0].held -> 1 : 0)
#define SHARABLE (queue == nothing && ANOTHER_FREE && lane[BUSIEST].held > 1)
#ifdef NO_STACK_CHECK
#define MUST_WAKE SOMETHING_TO_DO
#else
#define MUST_WAKE (SOMETHING_TO_DO || HAS_STACK)
#endif

inline lock() { !mutex; mutex = true }
inline unlock() { mutex = false }

/* ---- bell and naps */

inline ring() {
  if
  :: d_step { bell -> bell = false }; d_step { asleep = false; lane[id].ringing = false }
  :: else -> lane[id].ringing = false
  fi
}

/* After `bell` was set to false. */
inline end_sleep() {
  asleep = false;
#ifndef DEAF_NAP
  naps = false;
  napping = false;
#endif
  wakers--
}

/* Unlocks. */
inline arm_bell() {
#ifdef LEAVE_AFTER_LOOK
  found = MUST_WAKE;
  atomic { left_silent = false; bell = true };
  if
  :: atomic { found -> found = false;
#else
  atomic { left_silent = false; bell = true };
  if
  :: atomic { MUST_WAKE ->
#endif
       wakers++; bell = false };
     d_step { end_sleep(); unlock() }
  :: atomic { else -> unlock() }
  fi
}

/* ---- taking tasks: parts of a step under the mutex */

/* Sets target: NONE if the second worker cannot be started. */
inline start_second() {
#ifdef START_FAILS
  if
  :: !pausing -> second_started = true; start_refused = false; target = 1
  :: !failed_once -> failed_once = true; start_refused = true; pausing = true; target = NONE
  :: pausing -> target = NONE
  fi
#else
  skip
#endif
}

inline next_worker() {
  if
  :: IDLE(hot) -> target = hot
#ifdef STACK_UNWATCHED
  :: !IDLE(hot) && !are_long -> target = (ROOM(hot) -> hot : NONE)
#else
  :: !IDLE(hot) && watches && !are_long -> target = (ROOM(hot) -> hot : NONE)
#endif
  :: !IDLE(hot) ->  /* it is worth sharing, or the collector sleeps */
     target = LEAST_BUSY;
     if
     :: IDLE(target) -> skip
     :: else ->
        target = NONE;
        if
        :: !second_started -> start_second()
        :: else
        fi;
        if
        :: target == NONE && ROOM(LEAST_BUSY) -> target = LEAST_BUSY
        :: else
        fi
     fi
  fi
}

inline feed() {
  if
  :: queue != nothing ->
     next_worker();
     if
     :: target == NONE -> lanes_full = true
     :: else ->
        lane[target].task[lane[target].in_flight] = queue;
        lane[target].state[lane[target].in_flight] = ready;
        lane[target].in_flight++;
        lane[target].held++;
        hot = target;
        queue = nothing
     fi;
     target = NONE
  :: else
  fi
}

/* ---- bringing outcomes back: parts of a step under the mutex */

/* Sets freed, and outcomes: more than skipped slots. */
inline collect_lane(w) {
  do
  :: SETTLED(w) ->
     if
     :: lane[w].state[0] == done -> lane[w].held--; settled++; outcomes = true
     :: else
     fi;
     freed = true;
     lane[w].in_flight--;
     lane[w].at--;
     lane[w].state[0] = lane[w].state[1]; lane[w].task[0] = lane[w].task[1];
     lane[w].state[1] = lane[w].state[2]; lane[w].task[1] = lane[w].task[2];
     lane[w].state[2] = lane[w].state[3]; lane[w].task[2] = lane[w].task[3];
     lane[w].state[3] = vacant; lane[w].task[3] = nothing
  :: else -> break
  od
}

inline rebalance() {
  if
  :: SHARABLE ->
     target = 1;
     if
     :: !second_started -> start_second()
     :: else
     fi;
     if
     :: target != NONE ->  /* the newest that has not begun */
        target = BUSIEST;
        slot = lane[target].in_flight;
        do
        :: slot > 0 && (lane[target].state[slot - 1] == revoked || lane[target].state[slot - 1] == skipped) -> slot--
        :: slot > 0 && lane[target].state[slot - 1] == ready ->
           lane[target].state[slot - 1] = revoked;
           queue = lane[target].task[slot - 1];
           lane[target].task[slot - 1] = nothing;
           lane[target].held--;
           break
        :: else -> break
        od;
        slot = 0;
        target = NONE;
        feed()
     :: else
     fi
  :: !SHARABLE || !are_long -> skip
  fi
}

inline feed_and_rebalance() {
  if
  :: freed ->
     lanes_full = false;
     feed();
     rebalance()
  :: else
  fi
}

#define WAITING(w) (lane[w].state[lane[w].at] == claimed && lane[w].at + 1 < lane[w].in_flight && \
                    lane[w].state[lane[w].in_flight - 1] == ready)

inline notice_long_tasks() {
#ifndef NO_NOTICE
  are_long = nap_expired && !freed && !collected_by_others;
  if
#ifdef NO_RETRY
  :: queue != nothing -> skip
#else
  :: queue != nothing && COULD_TAKE -> lanes_full = false; feed()
  :: queue != nothing && !COULD_TAKE -> skip
#endif
  :: queue == nothing -> rebalance()
  fi;
#endif
  if
  :: nap_expired && !freed && !collected_by_others && !pausing ->
     assert(!(WAITING(0) && IDLE(1)) && !(WAITING(1) && IDLE(0)));  /* spread */
     assert(queue == nothing || !ANOTHER_FREE)
  :: else
  fi;
  are_long = false;
  nap_expired = false
}

/* ---- threads */

inline leave_to_collector() {
  collected_by_others = collected_by_others || freed;
  freed = false;
  outcomes = false
}

/* Every 16th post visits the lanes. */
inline post() {
  if
  :: atomic { lock(); push(); collect_lane(0) };
     d_step { collect_lane(1) };
     atomic { feed_and_rebalance(); leave_to_collector(); finish_post() }
  :: atomic { lock(); push(); finish_post() }
  fi;
  if
  :: atomic { wakes -> wakes = false; wakers++; bell = false };
     d_step {
       end_sleep();
       if
       :: !found -> unlock()
       :: else
       fi
     }
  :: else
  fi;
  if
  :: atomic { found -> found = false }; arm_bell()
  :: else
  fi
}

inline push() {
  assert(queue == nothing);
  if
  :: !waiter_posted || awaited_posted || posted + 1 < TASKS -> queue = ordinary
  :: !waiter_posted && posted + 1 < TASKS -> queue = waits; waiter_posted = true
  :: waiter_posted && !awaited_posted -> queue = awaited; awaited_posted = true
  fi;
  posted++
}

/* Unlocks, unless wakes or found: the collector is to be woken, the bell to be armed. */
inline finish_post() {
  if
  :: !lanes_full -> feed()
  :: else
  fi;
#ifndef POST_NEVER_ARMS
  found = left_silent && !watches && helpers == 0;
#endif
#if defined(START_FAILS) && !defined(QUIET_REFUSAL)
  wakes = start_refused && !watches;
#endif
  if
  :: !found && !wakes -> unlock()
  :: else
  fi
}

inline help() {
  helpers++;
  bell = false;
  do
  :: atomic { lock(); collect_lane(0) };
     d_step { collect_lane(1) };
     atomic { feed_and_rebalance(); leave_to_collector(); unlock() }
  :: atomic {
       lock();
       helpers--;
       if
       :: helpers == 0 && !watches ->
          left_silent = IDLE(0) && IDLE(1);
#ifndef LEAVE_SILENTLY
          found = !left_silent
#endif
       :: else
       fi;
       if
       :: !found -> unlock()
       :: else
       fi;
       break
     }
  od;
  if
  :: atomic { found -> found = false }; arm_bell()
  :: else
  fi
}

proctype Submitter() {
  bool freed, outcomes, found, wakes;
  byte target = NONE, slot;
  do
  :: posted < TASKS -> post()
  :: help()
  :: !waiter_posted || awaited_posted -> break
  od;
  settled == posted  /* collected */
}

proctype Helper() {
  bool freed, outcomes, found;
  byte target = NONE, slot;
  do
  :: help()
  :: break
  od
}

proctype Requester() {
  do
  :: atomic { request = true; wakers++ };
     bell = false;
     d_step { end_sleep() };
     !request
  :: break
  od
}

proctype Collector() {
  bool freed, outcomes, found, thick, progress, traffic, nap, nap_expired;
  byte target = NONE, slot;
  do
  :: atomic { lock(); watches = true; left_silent = false /* fewer states; unused until it sleeps */; collect_lane(0) };
     d_step { collect_lane(1) };
     atomic {
       feed_and_rebalance();
       notice_long_tasks();
       if
       :: freed -> thick = true
       :: thick = false
       fi;
       progress = outcomes && !thick;
       freed = false;
       outcomes = false;
       unlock()
     };
     d_step { progress = progress || request; request = false };
     if
     :: atomic { progress -> progress = false; thick = false }
     :: else ->
        atomic {
          lock();
          traffic = collected_by_others || thick || helpers > 0;
          collected_by_others = false;
          thick = false;
#ifdef SLEEP_OVER_STACK
          nap = traffic;
#else
          nap = traffic || HAS_STACK;
#endif
#ifndef REQUEST_BEFORE_NAP
          naps = nap
#endif
        };
        if
        :: atomic { nap -> nap = false; found = request };
#ifdef REQUEST_BEFORE_NAP
           naps = true;
#endif
           if
           :: atomic { found -> found = false; naps = false; unlock() }
           :: atomic { else -> unlock() };
              napping = naps;
              if
              :: atomic { !napping -> naps = false }
              :: atomic { napping -> napping = false; naps = false; nap_expired = true }
              fi
           fi;
           traffic = false
        :: else ->
#ifdef ARM_AFTER_LOOK
           found = SOMETHING_TO_DO;
#endif
           atomic {
#ifndef WATCH_NOT_CLEARED
             watches = false;
#endif
             left_silent = false;
             bell = true
           };
#ifndef ARM_AFTER_LOOK
           found = SOMETHING_TO_DO;
#endif
           atomic { unlock() };
           if
           :: atomic { found -> found = false }
           :: else ->
              do
              :: d_step { bell -> asleep = true };
end_asleep:      !asleep
              :: else -> break
              od
           fi
        fi
     fi
  od
}

proctype Worker(byte id) {
end_parked:
  do
  :: atomic {
       lane[id].state[lane[id].at] == ready ->
       lane[id].state[lane[id].at] = claimed;
       if
       :: lane[id].task[lane[id].at] == waits ->
          lane[id].task[lane[id].at] = nothing;
          awaited_begun;
          awaited_begun = false; awaited_posted = false; waiter_posted = false  /* fewer states; no second pair fits */
       :: lane[id].task[lane[id].at] == awaited -> lane[id].task[lane[id].at] = nothing; awaited_begun = true
       :: else -> lane[id].task[lane[id].at] = nothing
       fi
     };
     d_step {
       lane[id].state[lane[id].at] = done;
       lane[id].at++;
       lane[id].rings_first = false;
       lane[id].ringing = true
     };
     ring()
  :: d_step {
       lane[id].state[lane[id].at] == revoked ->
       lane[id].state[lane[id].at] = skipped;
       lane[id].at++;
       lane[id].rings_first = true
     }
  :: d_step {
       lane[id].rings_first && lane[id].state[lane[id].at] == vacant ->
       lane[id].rings_first = false;
       lane[id].ringing = true
     };
     ring()
  od
}

#ifdef START_FAILS
proctype Clock() {
end:
  do
  :: pausing -> pausing = false
  od
}
#endif

#define NOBODY_INSIDE (!mutex && helpers == 0)
#define SOUND_ASLEEP (asleep && wakers == 0 && !lane[0].ringing && !lane[1].ringing)

proctype Invariants() {
end:
  do
  :: atomic { NOBODY_INSIDE && SOUND_ASLEEP && !bell && !(IDLE(0) && IDLE(1)) -> assert(false) /* awake */ }
  :: atomic { NOBODY_INSIDE && SOUND_ASLEEP && HAS_STACK -> assert(false) /* stack */ }
  :: atomic { request && wakers == 0 && !mutex && (napping || asleep) -> assert(false) /* prompt */ }
  od
}

init {
  atomic {
    run Collector();
    run Worker(0);
    run Worker(1);
    run Submitter();
#ifndef ONE_HELPER
    run Helper();
#endif
#ifndef NO_REQUESTS
    run Requester();
#endif
#ifdef START_FAILS
    run Clock();
#endif
    run Invariants()
  }
}
