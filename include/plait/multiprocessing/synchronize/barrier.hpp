// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Barrier between processes, Python's multiprocessing.Barrier.

#include <chrono>
#include <optional>

#include "plait/detail/export.hpp"
#include "plait/detail/shared_handle.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {

// As in Python, the error of both modules.
using threading::BrokenBarrierError;

// Reusable: when `parties` threads, of whatever processes, are in wait() all of them go on, and the next round begins;
// none can lap another. What each did before wait() is seen by all after it. If one of those who wait dies, or the one
// that runs the action, the barrier is broken: nobody waits for the dead. Throws RuntimeError: the handle was inherited
// by fork().
//
//   mp::Barrier barrier({.action = [] { say("all here"); }}, 2);
//
// Differs from Python: the action, which runs in whichever process comes last, is a function or a lambda without
// captures.
class PLAIT_EXPORT Barrier : public detail::SharedHandle {
 public:
  struct Options {
    void (*action)() = nullptr;                            // run once a round, by the last to come, before all go on
    std::optional<std::chrono::nanoseconds> timeout = {};  // of each wait() that is not given one
  };

  // Throws ValueError: parties < 1; EncodeError: the action is no function of the program; OutOfSharedMemory.
  explicit Barrier(int parties) : Barrier(Options{}, parties) {}
  Barrier(const Options& options, int parties);
  explicit Barrier(detail::ArrivedHandle arrived);

  // Waits for the others, or acts if it is the last; returns a number that differs for each of a round, 0 … parties - 1
  // in the order they came. Throws BrokenBarrierError: it is broken, or becomes so; also when the time comes or a stop
  // is requested, which breaks it for all. What the action throws leaves the wait() that ran it, and breaks it for the
  // others.
  int wait() const;
  int wait(const Until& until) const;

  // Empties the barrier and mends it. Those who wait get BrokenBarrierError.
  void reset() const;
  // Breaks it until reset(): those who wait and those who come get BrokenBarrierError.
  void abort() const;

  [[nodiscard]] int parties() const;
  // How many wait at this moment; 0 while they go on. A snapshot.
  [[nodiscard]] int n_waiting() const;
  [[nodiscard]] bool broken() const;
};

}  // namespace plait::multiprocessing
