// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A barrier between processes. All of its state but the places of those who wait is guarded by a lock that knows its
// owner; when that dies the round is broken, as it is when one of those who wait dies or the one that acts: nobody
// waits for the dead, and nobody goes on as if they had come.

#include <atomic>
#include <cstdint>

#include "shm/owner_lock.hpp"
#include "shm/waiter_table.hpp"

namespace plait::shm {

class BarrierState {
 public:
  enum class Came : std::uint8_t {
    waits,  // for the others: call await()
    last,   // and is to act: then call finish_round()
    broken,
  };
  struct Arrival {
    Came came = Came::broken;
    int index = 0;
    WaiterTable::Place* place = nullptr;
  };

  explicit BarrierState(int parties) noexcept : parties_(parties) {}

  // Throws OutOfSharedMemory: the caller has not come.
  Arrival arrive(OwnerId self, const Until& until);
  // False: the round was broken, or is now, as the time has come.
  bool await(OwnerId self, const Arrival& arrival, const Until& until) noexcept;
  void finish_round(OwnerId self, bool broken) noexcept;

  void reset(OwnerId self) noexcept;
  void abort(OwnerId self) noexcept;

  [[nodiscard]] int parties() const noexcept { return parties_; }
  [[nodiscard]] int n_waiting() const noexcept { return arrived_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool broken() const noexcept {
    return broken_.load(std::memory_order_relaxed) || death_.load(std::memory_order_relaxed);
  }

  void recover(OwnerId dead) noexcept;
  void clear() noexcept { waiters_.clear(); }

 private:
  class Held;

  void end_round(bool broken) noexcept;

  const int parties_;
  OwnerLock lock_;
  // Written under lock_:
  std::atomic<int> arrived_{0};
  std::atomic<bool> broken_{false};
  std::atomic<OwnerId> actor_{0};  // runs the action: those who come wait for the next round
  WaiterTable waiters_;
  // Written by recover(), without it:
  std::atomic<bool> death_{false};  // the round that is under way is to be broken
  Word rounds_{0};                  // counts; those who come while somebody acts sleep on it
};

}  // namespace plait::shm
