// SPDX-License-Identifier: Apache-2.0
//
// A queue between processes (src/shm/byte_queue.hpp): the counts of its two ends, the word on which getters sleep, the
// hands of a getter, and the journal of a putter, with a death at any step and its recovery.
//
// Two items, put by two processes and got by one, or put by one and got by two; or, if one who puts has died, getters end
// by shutdown. One process, the VICTIM, may be killed at any step; then the watcher recovers. The locks of the ends are those of owner_lock.pml, here
// atomic: 0 or the owner's number.
//
// Blocks: an item is a block. `shared[b]`: it outlives its putter; `freed[b]`; recovery frees what the dead had allocated
// and is not shared. Invariants: no block is got twice, freed twice, or used after it was freed; every getter that lives
// ends; at the end every block that was put has been got, but for the one in the hands of the dead, and none is left.
//
// With CARRIES the items carry references, and so are in their putter's hands, too, from before it has the lock until it
// has counted; recovery frees what is in them, unless the journal says that it was counted.
//
// Mutants: WAKE_BEFORE_COUNT, NO_SECOND_LOOK, FORGETS_OTHERS (who has slept does not pass the wake-up on), NO_BROADCAST
// (recovery wakes nobody), NO_GENERATION (the word is only a flag: one about to sleep does not see that it was woken when
// another one has set the flag again), FREES_UNCOUNTED (recovery frees a hand without looking at the count), NO_JOURNAL (recovery
// does not take a shared but uncounted block back), and with CARRIES: KEEPS_COUNTED (recovery does not look whether
// what a putter has in hand was counted), JOURNAL_FIRST (the journal is emptied before the hand).

#define N 4
#ifndef VICTIM
#define VICTIM 1
#endif
#if VICTIM == 1
#define PUTTERS 2    // 1 and 2 put an item each, 3 gets both
#else
#define PUTTERS 1    // 1 puts two items, 3 and 4 get one each
#endif

byte tail_lock = 0, head_lock = 0;
byte tail = 0, head = 0;             // counts
byte slot[4];                        // the block in each place
byte journal_block = 0, journal_index = 0;
byte hand[N + 1], hand_index[N + 1]; // of each getter: the block, 0: none
bit getters = 0;                     // the word on which getters sleep: somebody may,
byte generation = 0;                 // and how often it was taken
bit asleep[N + 1];
bit dead[N + 1], over[N + 1];
bit shared[N + 1], freed[N + 1], got[N + 1], allocated[N + 1];
bit shut = 0;
byte puts_over = 0;

inline free_block(b) { assert(!freed[b]); freed[b] = 1 }

// FUTEX_WAKE of one.
inline wake_one() {
  if
  :: atomic { asleep[3] -> asleep[3] = 0 }
  :: atomic { asleep[4] -> asleep[4] = 0 }
  :: !asleep[3] && !asleep[4]
  fi
}

inline broadcast() {
  atomic { getters = 0; generation++ };
  atomic { asleep[3] = 0; asleep[4] = 0 }
}

inline ring() {
  if
  :: atomic { getters != 0 -> getters = 0; generation++ }; wake_one()
  :: getters == 0
  fi
}

// Every step of the victim is one; of the others the steps under the lock of an end are seen by nobody.
inline put(b) {
  c = tail;
  slot[c] = b;
  journal_index = c;
  journal_block = b;
  shared[b] = 1;
  tail = c + 1;
#ifdef JOURNAL_FIRST
  journal_block = 0;
#endif
#ifdef CARRIES
  hand[me] = 0;
#endif
  journal_block = 0;
  tail_lock = 0
}

proctype putter(byte me) {
  byte c, block = me;
  {
    c = 0;
put_next:
    allocated[block] = 1;
#ifdef WAKE_BEFORE_COUNT
    ring();
#endif
#ifdef CARRIES
    hand[me] = block;
#endif
    atomic { tail_lock == 0 -> tail_lock = me };
    if
    :: me == VICTIM -> put(block)
    :: else -> atomic { put(block) }
    fi;
#ifndef WAKE_BEFORE_COUNT
    ring();
#endif
    if
    :: PUTTERS == 1 && block == 1 -> block = 2; goto put_next
    :: else
    fi
  } unless { dead[me] };
  atomic { over[me] = 1; puts_over++ };
}

// Without the death of a putter there is an item for each getter. Else the queue is shut down when all putters are over.
#define MORE_TO_COME (!shut)

inline take_item() {
  c = head;
  if
  :: c == tail -> head_lock = 0
  :: c != tail ->
     b = slot[c];
     hand_index[me] = c;
     hand[me] = b;
     head = c + 1;
     head_lock = 0;
     assert(!freed[b] && !got[b]);
     got[b] = 1
  fi
}

proctype getter(byte me) {
  byte c, b, before, count = 0;
  bit slept;
  {
  b = 0;
get_next:
  b = 0;
  slept = 0;
  do
  :: // try
     if
     :: head != tail ->
        atomic { head_lock == 0 -> head_lock = me };
        if
        :: me == VICTIM -> take_item()
        :: else -> atomic { take_item() }
        fi;
        if
        :: b != 0 -> break
        :: else
        fi
     :: head == tail
     fi;
     if
     :: head == tail && !MORE_TO_COME -> break
     :: else
     fi;
     atomic { getters = 1; before = generation };
#ifndef NO_SECOND_LOOK
     if
     :: head != tail || !MORE_TO_COME -> goto again
     :: else
     fi;
#endif
#ifdef NO_GENERATION
     before = generation;
#endif
     atomic { if :: getters == 1 && before == generation -> asleep[me] = 1 :: else fi };
     !asleep[me];
     slept = 1;
again: skip
  od;
  if
  :: slept ->
#ifndef FORGETS_OTHERS
     getters = 1;
     if
     :: head != tail -> ring()
     :: else
     fi
#else
     skip
#endif
  :: else
  fi;
  if
  :: b != 0 ->
     hand[me] = 0;                   // then free: a death in between leaves the block
     free_block(b);
     count++;
     if
     :: PUTTERS == 2 && count < 2 -> goto get_next
     :: else
     fi
  :: else
  fi;
  } unless { dead[me] };
  over[me] = 1
}

proctype watcher() {
  byte b;
  if
  :: d_step { !over[VICTIM] -> dead[VICTIM] = 1; asleep[VICTIM] = 0 };
#if VICTIM <= PUTTERS
     if
     :: tail_lock == VICTIM ->
        b = journal_block;
#if defined CARRIES && !defined KEEPS_COUNTED
        if
        :: b != 0 && journal_index != tail && hand[VICTIM] == b -> hand[VICTIM] = 0
        :: else
        fi;
#endif
        journal_block = 0;
#ifndef NO_JOURNAL
        if
        :: b != 0 && journal_index == tail -> shared[b] = 0
        :: else
        fi;
#endif
        tail_lock = 0
     :: else
     fi;
#ifdef CARRIES
     b = hand[VICTIM];
     hand[VICTIM] = 0;
     if
     :: b != 0 -> free_block(b)
     :: else
     fi;
#endif
#else
     b = hand[VICTIM];
     hand[VICTIM] = 0;
     if
#ifdef FREES_UNCOUNTED
     :: b != 0 -> free_block(b)
#else
     :: b != 0 && (head_lock != VICTIM || hand_index[VICTIM] < head) -> free_block(b)
#endif
     :: else
     fi;
     if
     :: head_lock == VICTIM -> head_lock = 0
     :: else
     fi;
#endif
#ifndef NO_BROADCAST
     broadcast();
#endif
     // the heap
     if
     :: allocated[VICTIM] && !shared[VICTIM] && !freed[VICTIM] && VICTIM <= PUTTERS -> free_block(VICTIM)
     :: else
     fi
  :: true
  fi;
  if
  :: dead[1] || dead[2] ->
     (puts_over == PUTTERS);
     shut = 1;
     broadcast()
  :: else
  fi
}

init {
  byte left;
  atomic {
    run putter(1);
#if PUTTERS == 2
    run putter(2);
    run getter(3);
#else
    run getter(3);
    run getter(4);
#endif
    run watcher()
  }
  // Everybody has ended (else spin reports an invalid end state): nothing is left but what a dead getter did not take.
  (_nr_pr == 1);
  left = tail - head;
  assert(left == 0 || dead[3] || dead[4]);
  assert(tail_lock == 0 && head_lock == 0);
#if VICTIM == 1
  assert(!allocated[1] || freed[1]);
  assert(freed[2])
#endif
}
