// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Event: Python's threading.Event, a flag that threads wait for.

#include <atomic>
#include <cstdint>

#include "plait/detail/export.hpp"
#include "plait/until.hpp"

namespace plait::threading {

// Thread-safe throughout. What was done before set() is seen by whoever is_set() or wait() tells that it is set. May be
// destroyed as soon as no thread is in wait(); a set() that has let the last waiter go no longer touches it. After
// fork() the child keeps the flag and has no waiters.
//
//   plait::threading::Event ready;
//   plait::threading::Thread worker([&] { prepare(); ready.set(); });
//   worker.start();
//   if (!ready.wait(2s)) say("not ready in time");
class PLAIT_EXPORT Event {
 public:
  Event() noexcept = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() = default;

  [[nodiscard]] bool is_set() const noexcept { return (word_.load(std::memory_order_acquire) & flag) != 0; }

  // Sets the flag and wakes all who wait.
  void set() noexcept;
  void clear() noexcept { word_.fetch_and(~flag, std::memory_order_acq_rel); }

  // Blocks until the flag is set; true, even if it is cleared again at once. False: the time has come or a stop is
  // requested. Zero and less: a poll.
  bool wait(const Until& until = {}) { return is_set() || wait_slow(until); }

 private:
  static constexpr std::uint32_t flag = 1, has_waiters = 2;

  bool wait_slow(const Until& until);

  std::atomic<std::uint32_t> word_{0};
};

}  // namespace plait::threading
