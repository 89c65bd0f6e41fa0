/* SPDX-License-Identifier: Apache-2.0
 *
 * The task ring and the doorbell (src/shm/task_ring.hpp): master, workers, a killer and the supervisor.
 * Every shared access of the code is one step here; W dies before any of them.
 *
 * Checked in all interleavings:
 *   once       a task is started at most once, and never both started and revoked
 *   no-lost    nobody sleeps for ever: a lost wake-up is an invalid end state of the master
 *   crash      the lane of a dead worker tells exactly what became of each task
 *   in-flight  the slot at which a worker parks is never an outcome
 *
 * Parameters: WORKERS, CAPACITY, TASKS (for each worker), KILLS, NEVER_REVOKES. Mutants, in which spin must find an error:
 *   LOST_WAKEUP     publish looks whether the worker sleeps, then stores `ready`: two steps
 *   LOOK_THEN_ARM   the master looks at the lanes before it arms the bell, not after
 *   FULL_RING       `capacity` in flight instead of capacity - 1
 *   SILENT_DEATH    the supervisor does not wake the master
 *   BLIND_REVOKE    revoke stores `revoked` without comparing
 *   EARLY_DONE      the outcome is published before it is whole
 *   SILENT_SKIP     a worker parks after it has skipped slots, and does not ring
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef CAPACITY
#define CAPACITY 3
#endif
#ifndef TASKS
#define TASKS 4
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifdef FULL_RING
#define MOST_IN_FLIGHT CAPACITY
#else
#define MOST_IN_FLIGHT (CAPACITY - 1)
#endif

mtype = { vacant /* `empty`, which is a keyword here */, parked, ready, claimed, done, revoked, skipped }

typedef Ring {
  mtype state[CAPACITY] = vacant;
  byte half[CAPACITY];      /* the outcome, written in two halves: 2 when whole */
  bool worker_sleeps;       /* in the kernel, on the slot at which it parked */
  bool killed;              /* SIGKILL was sent */
  bool gone;                /* the process has ended */
  bool reported;            /* the supervisor has told the master */
  byte started[TASKS];      /* ghost: how often */
  bool taken_back[TASKS];   /* ghost: revoke said true */
}
Ring ring[WORKERS];

bool armed;          /* the doorbell's word */
bool master_sleeps;  /* in the kernel, on the doorbell */

/* futex_wake on the bell */
inline wake_master() { master_sleeps = false }

inline ring_bell() {
  if
  :: armed ->  /* the load */
     if
     :: d_step { armed -> armed = false } -> wake_master()  /* the exchange; then, in another step, the wake */
     :: else
     fi
  :: else
  fi
}

proctype Worker(byte id) {
  byte at = 0;    /* slot of the position */
  byte task = 0;  /* the position */
  bool rings_first = false;
  mtype seen;
  {
    do
    :: seen = ring[id].state[at];
       if
       :: seen == ready ->
          if
          :: d_step { ring[id].state[at] == ready -> ring[id].state[at] = claimed; ring[id].started[task]++ };
             assert(ring[id].started[task] == 1 && !ring[id].taken_back[task]);
             ring[id].half[at] = 1;
#ifdef EARLY_DONE
             ring[id].state[at] = done;
             ring[id].half[at] = 2;
#else
             ring[id].half[at] = 2;
             ring[id].state[at] = done;
#endif
             rings_first = false;
             ring_bell();
             d_step { at = (at + 1) % CAPACITY; task++; seen = vacant }
          :: else -> skip
          fi
       :: seen == revoked ->
          ring[id].state[at] = skipped;
          d_step { at = (at + 1) % CAPACITY; task++; rings_first = true; seen = vacant }
       :: else ->  /* park */
#ifndef SILENT_SKIP
          if
          :: rings_first -> ring_bell(); rings_first = false
          :: else
          fi;
#endif
          if
          :: d_step { ring[id].state[at] == vacant -> ring[id].state[at] = parked };
             do
             :: ring[id].state[at] == parked ->
                d_step {  /* futex_wait compares and sleeps in one */
                  if
                  :: ring[id].state[at] == parked -> ring[id].worker_sleeps = true
                  :: else
                  fi
                };
end_parked:     !ring[id].worker_sleeps
             :: else -> break
             od
          :: else ->
             assert(ring[id].state[at] != done && ring[id].state[at] != skipped)  /* in-flight */
          fi
       fi
    od
  } unless { ring[id].killed };
  ring[id].worker_sleeps = false;
  ring[id].gone = true
}

proctype Killer() {
  byte id = 0;
  byte kills = 0;
  do
  :: kills < KILLS && id < WORKERS -> ring[id].killed = true; kills++; id++
  :: id < WORKERS -> id++
  :: true -> break
  od
}

proctype Supervisor(byte id) {
end_alive:
  ring[id].gone;
  ring[id].reported = true;
#ifndef SILENT_DEATH
  armed = false;  /* wake(): whether armed or not */
  wake_master()
#endif
}

byte published[WORKERS];
byte collected[WORKERS];

#define SLOT(i, position) ring[i].state[(position) % CAPACITY]
#define IN_FLIGHT(i) (published[i] - collected[i])
#define SETTLED(i) (IN_FLIGHT(i) > 0 && (SLOT(i, collected[i]) == done || SLOT(i, collected[i]) == skipped))

inline publish(i) {
  byte slot = published[i] % CAPACITY;
  ring[i].half[slot] = 0;
#ifdef LOST_WAKEUP
  seen = ring[i].state[slot];
  ring[i].state[slot] = ready;
#else
  d_step { seen = ring[i].state[slot]; ring[i].state[slot] = ready };
#endif
  published[i]++;
  if
  :: seen == parked -> ring[i].worker_sleeps = false  /* futex_wake */
  :: else
  fi
}

/* The newest one; any other is as good. */
inline revoke(i) {
  byte position = published[i] - 1;
#ifdef BLIND_REVOKE
  seen = SLOT(i, position);
  if
  :: seen == ready -> SLOT(i, position) = revoked; ring[i].taken_back[position] = true
  :: else
  fi
#else
  d_step {
    if
    :: SLOT(i, position) == ready -> SLOT(i, position) = revoked; ring[i].taken_back[position] = true
    :: else
    fi
  }
#endif
}

inline collect(i) {
  seen = SLOT(i, collected[i]);
  assert(seen == done || seen == skipped);
  if
  :: seen == done ->
     assert(ring[i].started[collected[i]] == 1 && !ring[i].taken_back[collected[i]]);
     assert(ring[i].half[collected[i] % CAPACITY] == 2)
  :: else ->
     assert(ring[i].started[collected[i]] == 0 && ring[i].taken_back[collected[i]])
  fi;
  SLOT(i, collected[i]) = vacant;
  collected[i]++
}

/* What the lane of a dead worker says is what happened. */
inline account(i) {
  d_step {
    claims = 0;
    do
    :: collected[i] < published[i] ->
       seen = SLOT(i, collected[i]);
       if
       :: seen == done ->
          assert(claims == 0 && ring[i].started[collected[i]] == 1 && ring[i].half[collected[i] % CAPACITY] == 2)
       :: seen == claimed -> claims++; assert(claims == 1 && ring[i].started[collected[i]] == 1)
       :: seen == ready -> assert(ring[i].started[collected[i]] == 0 && !ring[i].taken_back[collected[i]])
       :: seen == revoked || seen == skipped ->
          assert(ring[i].started[collected[i]] == 0 && ring[i].taken_back[collected[i]])
       :: else -> assert(false)
       fi;
       collected[i]++
    :: else -> break
    od;
    published[i] = TASKS;  /* nothing more goes to the dead */
    collected[i] = TASKS
  }
}

proctype Master() {
  mtype seen;
  byte claims;
  byte i;
  byte settled;
  byte finished;
  do
  :: /* give or take back, as long as there are tasks */
     i = 0;
     do
     :: i < WORKERS && published[i] < TASKS && IN_FLIGHT(i) < MOST_IN_FLIGHT -> publish(i)
#ifndef NEVER_REVOKES
     :: i < WORKERS && IN_FLIGHT(i) > 0 -> revoke(i); i++
#endif
     :: i < WORKERS -> i++
     :: i == WORKERS -> break
     od;
     /* look at the lanes, arm, look again, sleep */
#ifndef LOOK_THEN_ARM
     armed = true;
#endif
     i = 0;
     settled = 0;
     finished = 0;
     do
     :: i < WORKERS ->
        if
        :: ring[i].reported -> account(i)
        :: else
        fi;
        do
        :: SETTLED(i) -> collect(i); settled++
        :: else -> break
        od;
        if
        :: collected[i] == TASKS -> finished++
        :: published[i] < TASKS && IN_FLIGHT(i) < MOST_IN_FLIGHT -> settled++  /* there is something to give */
        :: else
        fi;
        i++
     :: else -> break
     od;
#ifdef LOOK_THEN_ARM
     armed = true;
#endif
     if
     :: finished == WORKERS -> break
     :: finished < WORKERS && settled > 0 -> armed = false
     :: else ->
        do
        :: armed ->
           d_step {
             if
             :: armed -> master_sleeps = true
             :: else
             fi
           };
           !master_sleeps
        :: else -> break
        od
     fi
  od
}

init {
  byte id;
  atomic {
    for (id : 0 .. WORKERS - 1) {
      run Worker(id);
      run Supervisor(id)
    }
    run Master();
    run Killer()
  }
}
