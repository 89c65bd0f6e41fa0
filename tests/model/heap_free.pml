/* SPDX-License-Identifier: Apache-2.0
 *
 * The small blocks of the shared heap (src/shm/heap_arena.cpp): one chunk with one word of blocks.
 *
 *   Owner    takes the free blocks of the word, hands them out, frees some itself and gives the others to the Master
 *   Master   frees what it gets, or adopts it and passes it on; reclaims after each death; then uses the chunk itself
 *   Helper   another process that frees what the Master passes on
 *
 * Owner and Helper may be killed before any step. Checked in all interleavings:
 *   exclusive   a block that is handed out is nobody else's, and what somebody holds stays live
 *   no-leak     in the end only those blocks are live that somebody died with before he freed them
 *   no-lost     a free is never overlooked: an owner that waits for one is an invalid end state
 *
 * Parameters: BLOCKS, ROUNDS (allocations of the owner). Mutants, in which spin must find an error:
 *   LOOK_THEN_FLAG    the owner looks for free blocks, then sets `seems_full`, and does not look again
 *   FREE_BY_STORE     a free loads the word, then stores it: two steps
 *   CLEARS_ADOPTION   who frees a block clears its `adopted`, after its `live`
 *   FORGETS_ADOPTED   reclaim frees all blocks of the dead
 *   KEEPS_FULL        reclaim of the Helper leaves `seems_full` as it is
 *   KEEPS_ADOPTION    a block that is taken again keeps the `adopted` of its former life
 */
#ifndef BLOCKS
#define BLOCKS 2
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define ALL ((1 << BLOCKS) - 1)
#define BIT(b) (1 << (b))

mtype = { nobody, owner, master, helper, transit }

byte live;     /* the word; shared */
byte adopted;  /* shared */
bool seems_full;     /* shared */

mtype holder[BLOCKS] = nobody;  /* ghost: who may use the block */
bool given[BLOCKS];             /* in the owner's lane */
bool passed[BLOCKS];            /* in the helper's lane */
#define ANY(array) (array[0] || array[BLOCKS / 2] || array[BLOCKS - 1]) /* of 1, 2 or 3 */
bool owner_killed, owner_gone, owner_done, helper_killed, helper_gone, no_more;

/* fetch_and on the word, then the hint. `who` holds the block until the bit is clear. */
inline free_block(b, who) {
  assert(holder[b] == who && (live & BIT(b)));
#ifdef FREE_BY_STORE
  copy = live;
  d_step { live = copy & ~BIT(b); holder[b] = nobody };
#else
  d_step { live = live & ~BIT(b); holder[b] = nobody };
#endif
#ifdef CLEARS_ADOPTION
  adopted = adopted & ~BIT(b);
#endif
  if
  :: seems_full -> seems_full = false
  :: else
  fi
}

/* take_word(): all the free blocks at once. */
inline take(held) {
  held = ALL & ~live;
  if
  :: held ->
#ifndef KEEPS_ADOPTION
     d_step { adopted = adopted & ~held };
#endif
     d_step { assert((live & held) == 0); live = live | held }
  :: else
  fi
}

inline refill(held) {
  if
  :: !seems_full ->
     take(held);
     if
     :: held == 0 ->
        seems_full = true;
#ifndef LOOK_THEN_FLAG
        take(held);
        if
        :: held -> seems_full = false
        :: else
        fi
#endif
     :: else
     fi
  :: else
  fi
}

inline hand_out(held, b, who) {
  d_step {
    b = 0;
    do
    :: (held & BIT(b)) -> break
    :: else -> b++
    od;
    held = held & ~BIT(b);
    assert(holder[b] == nobody);
    holder[b] = who
  }
}

proctype Owner() {
  byte held = 0;
  byte rounds = 0;
  byte b;
  byte copy;
  {
    do
    :: rounds < ROUNDS && held == 0 ->
       refill(held);
       if
       :: held == 0 ->  /* all are in use: the owner would go to another chunk, and look here again after a free */
          if
          :: !seems_full
          :: live == ALL && helper_gone -> rounds = ROUNDS  /* the Helper died with them */
          fi
       :: else
       fi
    :: rounds < ROUNDS && held ->
       hand_out(held, b, owner);
       rounds++;
       if
       :: free_block(b, owner)
       :: atomic { holder[b] = master; given[b] = true }  /* finish(): the outcome is in the lane */
       fi
    :: rounds == ROUNDS -> break
    od;
    owner_done = true
  } unless { owner_killed };
  owner_gone = true
}

proctype Helper() {
  byte b = 0;
  byte copy;
  {
    do
    :: atomic {
         ANY(passed) ->
         b = 0;
         do
         :: passed[b] -> break
         :: else -> b++
         od;
         passed[b] = false;
         holder[b] = helper
       };
       free_block(b, helper)
    :: no_more && !ANY(passed) -> break
    od
  } unless { helper_killed };
  helper_gone = true
}

proctype Killer() {
  if
  :: helper_killed = true
  :: true
  fi;
  if
  :: owner_killed = true
  :: true
  fi
}

/* What comes out of the owner's lane. */
inline collect() {
  b = 0;
  do
  :: b < BLOCKS && given[b] ->
     given[b] = false;
     adopted = adopted | BIT(b);  /* fetch_or */
     if
     :: free_block(b, master)
     :: atomic { holder[b] = transit; passed[b] = true }
     fi;
     b++
  :: b < BLOCKS && !given[b] -> b++
  :: else -> break
  od
}

proctype Master() {
  byte b;
  byte copy;
  byte held = 0;
  byte left;
  bool helper_reclaimed = false;
  do
  :: ANY(given) -> collect()
  :: helper_gone && !helper_reclaimed ->
#ifndef KEEPS_FULL
     seems_full = false;
#endif
     helper_reclaimed = true
  :: owner_gone && !ANY(given) -> break
  od;

  /* reclaim(owner); what it had not given away is nobody's */
  atomic {
    b = 0;
    do
    :: b < BLOCKS -> if :: holder[b] == owner -> holder[b] = nobody :: else fi; b++
    :: else -> break
    od
  };
  left = adopted;
#ifdef FORGETS_ADOPTED
  left = 0;
#endif
  d_step { copy = live & left; live = copy };
  left = copy;
  adopted = 0;
  seems_full = false;

  /* The chunk is ours. Take all that is free, check, give it back. */
  refill(held);
  do
  :: held -> hand_out(held, b, master); free_block(b, master)
  :: else -> break
  od;

  no_more = true;
  helper_gone;
  atomic {
    b = 0;
    do
    :: b < BLOCKS ->
       if
       :: holder[b] == nobody -> assert((live & BIT(b)) == 0)
       :: else -> assert((holder[b] == helper || holder[b] == transit) && (live & BIT(b)))
       fi;
       b++
    :: else -> break
    od
  }
}

init {
  atomic {
    run Owner();
    run Helper();
    run Master();
    run Killer()
  }
}
