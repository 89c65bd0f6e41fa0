// SPDX-License-Identifier: Apache-2.0
//
// The table of the family's processes (src/shm/process_table.hpp), with deaths at any step: what a process left is put in
// order, whoever of those that could do it dies as well.
//
// ROOT, which never dies, watches A; A watches B; B announces, starts and watches C. A and B may be killed at any step;
// with a process the kernel kills, some time later, those that it has started. Who sees the death of a process that it
// watches adopts its children: those that live it watches, those that were only announced may not begin.
//
// Invariants: what a process left is put in order only when it is dead or will never begin; in the end that was done for
// all that ever began, and the table is empty.
//
// Mutants: REMOVES_FIRST (the entry of the dead is removed before its children are adopted), REFUSES_BLINDLY (a process
// that may have just begun is taken for one that is only announced), BEGINS_BLINDLY (a process begins without asking
// whether it may), NEVER_ADOPTS.

#define ROOT 1
#define A 2
#define B 3
#define C 4
#define NOBODY 0

byte watcher[5];  // the table: who watches the process; NOBODY: it has no entry
bit alive[5];     // it has begun
bit refused[5];   // it was told not to, before it had begun

bit running[5];   // ghosts: what is so
bit began[5];
bit in_order[5];

inline put_in_order(p) {
  atomic { assert(!running[p]); in_order[p] = 1 }
}

inline adopt(me, p, c) {
  if
  :: atomic { watcher[c] == p -> watcher[c] = me };
     // Was it only announced? One compare-exchange decides whether it begins.
     if
#ifdef REFUSES_BLINDLY
     :: !alive[c] -> refused[c] = 1;
#else
     :: atomic { !alive[c] -> refused[c] = 1 };
#endif
        put_in_order(c);
        watcher[c] = NOBODY
     :: atomic { alive[c] -> skip }
     fi
  :: atomic { watcher[c] != p -> skip }
  fi
}

// By who watches p, which has died.
inline bury(me, p) {
  put_in_order(p);
#ifdef REMOVES_FIRST
  watcher[p] = NOBODY;
#endif
#ifndef NEVER_ADOPTS
  adopt(me, p, B);
  adopt(me, p, C);
#endif
  watcher[p] = NOBODY
}

proctype process_c() {
#ifdef BEGINS_BLINDLY
  atomic { alive[C] = 1; running[C] = 1; began[C] = 1; assert(!in_order[C]) };
#else
  if
  :: atomic { !refused[C] && watcher[C] != NOBODY -> alive[C] = 1; running[C] = 1; began[C] = 1; assert(!in_order[C]) }
  :: atomic { refused[C] || watcher[C] == NOBODY -> goto done }
  fi;
#endif
  !running[B] -> running[C] = 0;
done: skip
}

proctype process_b() {
  {
    watcher[C] = B;
    run process_c();
    // sees C end, as it never does before B in this model
    false
  } unless { !running[B] }
}

proctype process_a() {
  {
    do
    :: watcher[B] == A && !running[B] -> bury(A, B)
    :: watcher[C] == A && alive[C] && !running[C] -> bury(A, C)
    od
  } unless { !running[A] }
}

proctype process_root() {
  do
  :: watcher[A] == ROOT && !running[A] -> bury(ROOT, A)
  :: watcher[B] == ROOT && !running[B] -> bury(ROOT, B)
  :: watcher[C] == ROOT && alive[C] && !running[C] -> bury(ROOT, C)
  :: watcher[A] == NOBODY && watcher[B] != ROOT && watcher[C] != ROOT -> break
  od;
  assert(in_order[A] && in_order[B] && (in_order[C] || !began[C]));
  assert(watcher[B] == NOBODY && watcher[C] == NOBODY)
}

// Of B first or not; of A always, and with A goes B.
proctype killer() {
  if
  :: running[B] = 0
  :: true
  fi;
  running[A] = 0;
  running[B] = 0
}

init {
  atomic {
    watcher[A] = ROOT; alive[A] = 1; running[A] = 1; began[A] = 1;
    watcher[B] = A; alive[B] = 1; running[B] = 1; began[B] = 1;
    run process_root();
    run process_a();
    run process_b();
    run killer()
  }
}
