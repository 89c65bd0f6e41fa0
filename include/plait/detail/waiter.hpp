// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A thread that waits, and FIFO lists of such threads: what every blocking object of plait::threading and plait::queue
// waits with. docs/design/synchronization.md has the protocol and its proof.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "plait/detail/export.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// One wait of one thread; lies on its stack. The thread links it into a list under the lock that guards the list, gives
// up that lock and waits. Whoever takes it from the list, under the lock, must wake it.
class PLAIT_EXPORT Waiter {
 public:
  Waiter() noexcept = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() = default;

  // Spins for a moment, unless the caller has done so, then sleeps, until woken (true) or until the time has come or a
  // stop is requested (false). After false the caller takes the lock again: if the waiter is still linked it removes
  // it; if not, it has been taken, and the caller calls await_wake(), after which it counts as woken.
  [[nodiscard]] bool wait(const Until& until, bool has_spun = false) noexcept;
  void await_wake() noexcept;

  // By whom has taken it from its list, once. What was written before is seen by the woken thread. Its object may be
  // gone as soon as this has stored its word.
  void wake() noexcept;

  // Guarded by the list's lock.
  [[nodiscard]] bool is_linked() const noexcept { return linked_; }

 private:
  friend class WaiterList;
  friend class WakeChain;

  bool spin() noexcept;
  void stop() noexcept;

  std::atomic<std::uint32_t> word_{0};
  bool linked_ = false;
  Waiter* next_ = nullptr;
  Waiter* previous_ = nullptr;
};

// Waiters taken from lists, to be woken after the lock is given up, so that they don't wake up only to wait for it.
class WakeChain {
 public:
  WakeChain() noexcept = default;
  WakeChain(const WakeChain&) = delete;
  WakeChain& operator=(const WakeChain&) = delete;
  ~WakeChain() {
    if (first_ != nullptr) wake_all();
  }

  void add(Waiter* waiter) noexcept;  // null: nobody
  PLAIT_EXPORT void wake_all() noexcept;

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

// First come, first taken. Guarded by a lock of its owner's. A child made by fork finds it empty.
class PLAIT_EXPORT WaiterList {
 public:
  WaiterList() noexcept = default;
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;
  ~WaiterList() = default;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr || is_inherited(); }
  void push_back(Waiter& waiter) noexcept;
  void push_front(Waiter& waiter) noexcept;
  // The first, or null.
  Waiter* pop_front() noexcept { return first_ == nullptr ? nullptr : pop(); }
  void remove(Waiter& waiter) noexcept;

  // For lists that several objects share.
  [[nodiscard]] Waiter* first() const noexcept { return empty() ? nullptr : first_; }
  [[nodiscard]] static Waiter* next(const Waiter& waiter) noexcept { return waiter.next_; }

 private:
  Waiter* pop() noexcept;
  [[nodiscard]] bool is_inherited() const noexcept;

  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::uint64_t generation_ = 0;  // of forks, when the first was linked: the threads of another are not in this process
};

}  // namespace plait::detail
