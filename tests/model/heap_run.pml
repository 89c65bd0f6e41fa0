/* SPDX-License-Identifier: Apache-2.0
 *
 * The runs of chunks of the shared heap (src/shm/chunk_table.cpp): two processes claim runs of two chunks, and free them
 * or keep them. Each may be killed before any step. After its end the Reclaimer finishes what it left half done and frees
 * what it kept; then it claims and frees a run itself, in the midst of what the other process still does.
 *
 * Checked in all interleavings:
 *   exclusive   a chunk is in one run at a time, also while a run is put together or taken apart
 *   no-leak     in the end every chunk is free
 *
 * Parameters: CHUNKS. Mutants, in which spin must find an error:
 *   HEAD_FIRST    the head of a run is freed before its tails
 *   BLIND_TAIL    who frees a run frees its tails without looking whether they still are its tails
 *   TAIL_FIRST    the tails of a new run are marked before its head
 */
#ifndef CHUNKS
#define CHUNKS 3
#endif
#define PROCESSES 2
#define RECLAIMER 2

mtype = { unused, claimed, large, tail, closing }
typedef Chunk {
  mtype kind = unused;
  byte who = 0;  /* owner; of a tail: its head */
}
Chunk chunk[CHUNKS];

byte user[CHUNKS];  /* ghost: 1 + the process whose run the chunk is in; 0: nobody's */
bool killed[PROCESSES], gone[PROCESSES];

/* A run of two from the first place where both are free; head = CHUNKS if there is none. */
inline claim(self) {
  head = 0;
  do
  :: head + 1 < CHUNKS ->
     if
     :: d_step { chunk[head].kind == unused -> chunk[head].kind = claimed; chunk[head].who = self } ->
        if
        :: d_step { chunk[head + 1].kind == unused -> chunk[head + 1].kind = claimed; chunk[head + 1].who = self } ->
           d_step {
             assert(user[head] == 0 && user[head + 1] == 0);
             user[head] = self + 1;
             user[head + 1] = self + 1
           };
#ifdef TAIL_FIRST
           d_step { chunk[head + 1].kind = tail; chunk[head + 1].who = head };
           chunk[head].kind = large;
#else
           chunk[head].kind = large;
           d_step { chunk[head + 1].kind = tail; chunk[head + 1].who = head };
#endif
           break
        :: else -> chunk[head].kind = unused; head++  /* roll back */
        fi
     :: else -> head++
     fi
  :: else -> head = CHUNKS; break
  od
}

/* free_run(): whoever wins the exchange of the head's word frees, tails first. */
inline free_run(at, from, whose, by) {
  if
  :: d_step {
       chunk[at].kind == from && chunk[at].who == whose ->
       chunk[at].kind = closing;
       chunk[at].who = by
     } ->
     /* Its chunks are nobody's from here on. */
     d_step {
       if
       :: user[at] == whose + 1 -> user[at] = 0
       :: else
       fi;
       if
       :: user[at + 1] == whose + 1 && chunk[at + 1].kind == tail && chunk[at + 1].who == at -> user[at + 1] = 0
       :: else
       fi
     };
#ifdef HEAD_FIRST
     chunk[at].kind = unused;
#endif
#ifdef BLIND_TAIL
     if
     :: true ->
#else
     if
     :: chunk[at + 1].kind == tail && chunk[at + 1].who == at ->
#endif
        assert(user[at + 1] == 0);  /* its pages go back to the system, so it must be nobody's */
        chunk[at + 1].kind = unused
#ifndef BLIND_TAIL
     :: else
#endif
     fi;
#ifndef HEAD_FIRST
     chunk[at].kind = unused
#endif
  :: else
  fi
}

proctype Process(byte self) {
  byte head;
  byte rounds = 0;
  {
    do
    :: rounds < 2 ->
       rounds++;
       claim(self);
       if
       :: head < CHUNKS -> free_run(head, large, self, self)
       :: head < CHUNKS -> skip  /* and never frees it: left to the Reclaimer */
       :: else
       fi
    :: rounds == 2 -> break
    od
  } unless { killed[self] };
  gone[self] = true
}

proctype Killer() {
  if
  :: killed[0] = true
  :: true
  fi;
  if
  :: killed[1] = true
  :: true
  fi
}

proctype Reclaimer() {
  byte i;
  byte head;
  byte dead;
  byte todo = PROCESSES;
  mtype kind;
  bool handled[PROCESSES];
  do
  :: todo > 0 ->
     if
     :: gone[0] && !handled[0] -> dead = 0
     :: gone[1] && !handled[1] -> dead = 1
     fi;
     handled[dead] = true;
     todo--;
     /* What it died with is nobody's, but for the words that still name it. */
     atomic {
       i = 0;
       do
       :: i < CHUNKS -> if :: user[i] == dead + 1 -> user[i] = 0 :: else fi; i++
       :: else -> break
       od
     };
     i = 0;
     do
     :: i < CHUNKS ->
        d_step { kind = chunk[i].kind; head = chunk[i].who };
        if
        :: kind == claimed && head == dead -> chunk[i].kind = unused
        :: (kind == large || kind == closing) && head == dead -> free_run(i, kind, dead, RECLAIMER)
        :: else
        fi;
        i++
     :: else -> break
     od;
     i = 0;
     claim(RECLAIMER);
     if
     :: head < CHUNKS -> free_run(head, large, RECLAIMER, RECLAIMER)
     :: else
     fi
  :: else -> break
  od;
  atomic {
    i = 0;
    do
    :: i < CHUNKS -> assert(chunk[i].kind == unused); i++
    :: else -> break
    od
  }
}

init {
  atomic {
    run Process(0);
    run Process(1);
    run Reclaimer();
    run Killer()
  }
}
