// SPDX-License-Identifier: Apache-2.0
//
// How a pipe wakes who sleeps (src/multiprocessing/connection/channel.hpp): a ring of messages, a socket with packets
// that only ring, and parcels (descriptors and files) that go through the socket before their message is published.
//
// Senders 1 and 2 send ITEMS messages each, of which those of sender 2 have a parcel; receivers 3 and 4 take for ever.
// One of them, VICTIM, may be killed at any step; its locks are then free. All ends stay open elsewhere, so no end of
// file helps. With EXPOSED somebody waits for the socket too (fileno).
//
// The socket is a number of packets that ring at its front (`front`), the parcel behind them if there is one, and those
// that ring behind that (`behind`): with two messages in the ring at most, one of them with a parcel at a time, that is
// all there can be.
//
// When nothing moves any more: no living receiver sleeps beside a message; the ring is empty unless all that could take
// are dead; no message but one was lost, and that only with the receiver that died. With EXPOSED the socket can be read
// then just if there is a message, unless a receiver died.
//
// Mutants: PUBLISH_FIRST (rings after it has published), DRAIN_FIRST (notes that it sleeps after it has taken the
// packets away), LOOK_UNLOCKED (goes to sleep without the senders' lock), PARCEL_LAST (rings before the parcel).

#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef VICTIM
#define VICTIM 1
#endif
#define CAPACITY 2
#define NOBODY 0

bit dead[5];
bit asleep_now[5];     // in poll()
byte send_lock = NOBODY, receive_lock = NOBODY;
byte ring[CAPACITY];   // kind of the messages, oldest first: 1 plain, 2 with a parcel
byte count = 0;
byte front = 0, behind = 0;
bit parcel = 0;        // the one of the message, or of a sender that died
bit note = 1;          // receivers_asleep
byte sent = 0, taken = 0, lost = 0;
bit killed = 0;

#define PACKETS (front > 0 || parcel || behind > 0)

inline lock(which) { atomic { (which == NOBODY || dead[which]) -> which = me } }
inline unlock(which) { which = NOBODY }

inline ring_bell() {
  if
  :: note ->
    // A packet more than two says nothing new.
    atomic {
      if
      :: parcel && behind < 2 -> behind++
      :: !parcel && front < 2 -> front++
      :: else
      fi
    };
    note = 0
  :: else
  fi
}
inline send_parcel() {
  // One that a dead sender left is older, and goes with it.
  atomic {
    if
    :: parcel -> front = (front + behind > 2 -> 2 : front + behind); behind = 0
    :: else
    fi;
    parcel = 1
  };
  note = 1
}
inline publish(kind) { atomic { ring[count] = kind; count++; sent++ } }

proctype sender(byte me; byte kind) {
  byte i = 0;
  {
  do
  :: i == ITEMS -> break
  :: else ->
    lock(send_lock);
    if
    :: count == CAPACITY || (kind == 2 && count > 0) -> unlock(send_lock)  // no room: looks again
    :: else ->
#ifdef PARCEL_LAST
      ring_bell();
      if :: kind == 2 -> send_parcel(); note = 0 :: else fi;
#else
      if :: kind == 2 -> send_parcel() :: else fi;
#endif
#ifdef PUBLISH_FIRST
      publish(kind);
      ring_bell();
#else
#ifndef PARCEL_LAST
      ring_bell();
#endif
      publish(kind);
#endif
      unlock(send_lock);
      i++
    fi
  od
  } unless { dead[me] };
  skip
}

// Under send_lock, the ring being empty.
inline go_to_sleep() {
#ifdef DRAIN_FIRST
  atomic { front = 0; parcel = 0; behind = 0 };
  note = 1;
#else
  note = 1;
  atomic { front = 0; parcel = 0; behind = 0 };
#endif
}

proctype receiver(byte me) {
  bit whole = 1;
  {
  do
  :: count > 0 ->
    lock(receive_lock);
    if
    :: count == 0 -> unlock(receive_lock)
    :: else ->
      whole = 1;
      if
      :: ring[0] == 2 ->
        // All up to the parcel goes; what is behind it stays.
        atomic {
          if
          :: parcel -> parcel = 0; front = behind; behind = 0
          :: else -> whole = 0
          fi
        }
      :: else
      fi;
      // The store of head.
      atomic {
        ring[0] = ring[1];
        ring[1] = 0;
        count--;
        if
        :: whole -> taken++
        :: else -> lost++
        fi
      };
      unlock(receive_lock);
#ifdef EXPOSED
      lock(send_lock);
      if
      :: count == 0 -> go_to_sleep()
      :: else
      fi;
      unlock(send_lock)
#endif
    fi
  :: count == 0 ->
#ifdef LOOK_UNLOCKED
    go_to_sleep();
    asleep_now[me] = 1;
#else
    lock(send_lock);
    if
    :: count > 0 -> unlock(send_lock)
    :: else ->
      go_to_sleep();
      unlock(send_lock);
      asleep_now[me] = 1
    fi;
#endif
    if
    :: asleep_now[me] ->
end_asleep:
      atomic { PACKETS -> asleep_now[me] = 0 }
    :: else
    fi
  od
  } unless { dead[me] };
  asleep_now[me] = 0
}

proctype killer() {
  if
  :: atomic { dead[VICTIM] = 1; killed = 1 }
  :: skip
  fi
}

init {
  atomic {
    run sender(1, 1);
    run sender(2, 2);
    run receiver(3);
    run receiver(4);
    run killer()
  };
  timeout;
  assert(count == 0);
  assert(lost <= 1 && (lost == 0 || (killed && VICTIM >= 3)));
  assert(taken + lost == sent);
  assert(killed || sent == 2 * ITEMS);
  assert(!killed || sent + ITEMS + 1 >= 2 * ITEMS);
#ifdef EXPOSED
  assert(!PACKETS || (killed && VICTIM >= 3));
#endif
}
