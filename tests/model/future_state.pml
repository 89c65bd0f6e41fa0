// SPDX-License-Identifier: Apache-2.0
// The state word of a future (include/plait/detail/future_state.hpp, docs/design/futures.md): a settler, a canceller, a
// waiter that sleeps on the word, somebody who adds a callback, and an observer that comes and goes; in all interleavings.
//
// Each `atomic` is one read-modify-write of the word, or one access to what the word guards. Shown: nobody sleeps for
// ever, a callback runs once, an observer is told once or refused, and nobody is told after remove_observer returned.
// All accesses that matter are to one word, so sequential interleaving is what the hardware can do.
//
// Mutants: WAKE_BEFORE_PUBLISH (sleepers are looked for before the status changes), UNLOCK_BLINDLY (a watcher is linked
// although the future has settled meanwhile), REMOVE_WITHOUT_LOCK (an observer leaves while it is being told).

mtype = { pending, finished, cancelled, notified };

// The word.
mtype status = pending;
bool waited_for = false, observed = false, has_callbacks = false, locked = false;

// The lists, guarded by `locked`.
bool observer_linked = false, callback_linked = false;

bool asleep = false;       // the waiter, in the kernel
bool observer_gone = false;
byte told = 0, callback_runs = 0;
bool observer_added = false, settled_by_us = false, cancel_won = false;

#define settled (status == finished || status == notified)
#define is_done (status != pending)

inline lock_lists() { atomic { !locked -> locked = true } }
inline unlock_lists() { atomic { observed = observer_linked; has_callbacks = callback_linked; locked = false } }
inline wake_sleepers(was_waited_for) {
  if
  :: was_waited_for -> asleep = false
  :: else
  fi
}
inline notify_observers(was_observed) {
  if
  :: was_observed ->
     lock_lists();
     if
     :: observer_linked ->
        observer_linked = false;
        assert(!observer_gone);
        told++;
        assert(!observer_gone)
     :: else
     fi;
     unlock_lists()
  :: else
  fi
}
inline run_callbacks(there_were) {
  bool taken = false;
  if
  :: there_were ->
     lock_lists();
     atomic { taken = callback_linked; callback_linked = false };
     unlock_lists();
     if
     :: taken -> callback_runs++
     :: else
     fi
  :: else
  fi
}

// An executor's worker: starts the task unless cancelled, then publishes. Here start and publish are one step, as for
// set_result; between them a canceller can do nothing.
proctype Settler() {
  bool w, o, c, was_cancelled = false;
#ifdef WAKE_BEFORE_PUBLISH
  w = waited_for;
#endif
  atomic {
    if
    :: status == pending -> status = finished; settled_by_us = true
    :: status == cancelled -> status = notified; was_cancelled = true
    fi;
#ifndef WAKE_BEFORE_PUBLISH
    w = waited_for;
#endif
    o = observed;
    c = has_callbacks;
    if
    :: !was_cancelled -> waited_for = false
    :: else -> w = false; c = false  // the canceller has seen to those
    fi
  }
  wake_sleepers(w);
  notify_observers(o);
  run_callbacks(c)
}

proctype Canceller() {
  bool w = false, c = false;
  atomic {
    if
    :: status == pending -> status = cancelled; cancel_won = true; w = waited_for; c = has_callbacks; waited_for = false
    :: else
    fi
  }
  wake_sleepers(w);
  run_callbacks(c)
}

proctype Waiter() {
  do
  :: is_done -> break
  :: else ->
     atomic {  // compare-exchange: sets the flag only if the future is not done
       if
       :: is_done -> goto over
       :: else -> waited_for = true
       fi
     }
     atomic {  // futex_wait: sleeps only if the word is as seen, else looks again
       if
       :: !is_done && waited_for -> asleep = true
       :: else
       fi
     }
     !asleep
  od;
over:
  assert(is_done)
}

proctype CallbackAdder() {
  bool refused = false;
  if
  :: is_done -> refused = true
  :: else ->
     lock_lists();
     callback_linked = true;
     atomic {
#ifndef UNLOCK_BLINDLY
       if
       :: is_done -> refused = true; callback_linked = false
       :: else
       fi;
#endif
       observed = observer_linked; has_callbacks = callback_linked; locked = false
     }
  fi;
  if
  :: refused -> callback_runs++
  :: else
  fi
}

proctype ObserverOwner() {
  if
  :: settled
  :: else ->
     lock_lists();
     observer_linked = true;
     observer_added = true;
     atomic {
#ifndef UNLOCK_BLINDLY
       if
       :: settled -> observer_linked = false; observer_added = false
       :: else
       fi;
#endif
       observed = observer_linked; has_callbacks = callback_linked; locked = false
     }
  fi;
  if
  :: observer_added ->
     if
     :: told > 0    // waits to be told
     :: true        // or gives up at its deadline
     fi;
#ifndef REMOVE_WITHOUT_LOCK
     lock_lists();
#endif
     observer_linked = false;
#ifndef REMOVE_WITHOUT_LOCK
     unlock_lists();
#endif
     observer_gone = true
  :: else
  fi
}

init {
  atomic { run Settler(); run Canceller(); run Waiter(); run CallbackAdder(); run ObserverOwner() }
  (_nr_pr == 1);  // all have ended: a sleeper left behind is an invalid end state
  assert(settled);
  assert(settled_by_us != cancel_won);
  assert(callback_runs == 1);
  assert(told <= 1)
}
