// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Event between processes, Python's multiprocessing.Event.

#include "plait/detail/export.hpp"
#include "plait/detail/shared_handle.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {

// A flag that any process may set and clear, and wait for. What was done before set() is seen by whoever is_set() or
// wait() tells that it is set. Nobody is harmed by a death. Throws RuntimeError: the handle was inherited by fork().
//
//   mp::Event ready;
//   mp::Process p(serve, ready);          // void serve(mp::Event ready) { open(); ready.set(); … }
//   p.start();
//   if (!ready.wait(2s)) say("not ready in time");
class PLAIT_EXPORT Event : public detail::SharedHandle {
 public:
  // Throws OutOfSharedMemory.
  Event();
  explicit Event(detail::ArrivedHandle arrived);

  [[nodiscard]] bool is_set() const;
  // Sets the flag and wakes all who wait.
  void set() const;
  void clear() const;
  // Blocks until the flag is set; true, even if it is cleared again at once. False: the time has come or a stop is
  // requested. Zero and less: a poll.
  bool wait(const Until& until = {}) const;
};

}  // namespace plait::multiprocessing
