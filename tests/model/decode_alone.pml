/* SPDX-License-Identifier: Apache-2.0
 *
 * Who decodes the outcome of a finished future (src/futures/future_state.cpp): FutureState::decode(), by threads that
 * share it, and decode_alone(), by one that is left with the only reference, and has no need of locked operations.
 *
 * Each access to the word or to the count of references is one step.
 *
 * Checked in all interleavings: the outcome is decoded once, and whoever looks at it finds it decoded.
 *
 * Mutants, in which spin must find an error:
 *   LOOK_THEN_COUNT   decode_alone looks whether it is encoded before it asks whether it is alone
 *   NEVER_COUNTS      it does not ask
 */
bool encoded = true, decoding;
byte references = 2;
byte decodings;
bool decoded;

inline materialize() {
  decodings++;
  assert(decodings == 1);
  decoded = true
}

inline decode() {
  if
  :: atomic { encoded && !decoding -> decoding = true };
     materialize();
     d_step { encoded = false; decoding = false }
  :: encoded && decoding -> !encoded  /* sleeps on the word */
  :: !encoded -> skip
  fi
}

inline value() {
  if
  :: encoded -> decode()
  :: else
  fi;
  assert(decoded)
}

/* Has a reference of its own, which it lets go. */
proctype Other() {
  value();
  references--
}

proctype Alone() {
  bool is_encoded, is_alone;
#ifdef LOOK_THEN_COUNT
  is_encoded = encoded;
  is_alone = references == 1;
#else
#ifdef NEVER_COUNTS
  is_alone = true;
#else
  is_alone = references == 1;
#endif
  is_encoded = encoded;
#endif
  if
  :: is_encoded && is_alone -> materialize(); encoded = false
  :: else
  fi;
  value();
  references--
}

init {
  atomic {
    run Other();
    run Alone()
  }
}
