// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Watching in which order locks are acquired, with PLAIT_DEADLOCK=1 in the environment. docs/design/deadlock.md.
//
// Locks call in here only when they are traced, which they are from their construction on or never.

#include <stop_token>

namespace plait::threading::deadlock {

// Whether locks are to be traced. The environment is read once, when the first lock is used.
[[nodiscard]] bool is_watching() noexcept;

// This thread is going to acquire the lock, however long that takes. Reports an order that contradicts one seen before,
// once, with both stacks.
void about_to_acquire(const void* lock) noexcept;

// It has acquired it, or releases it now.
void acquired(const void* lock) noexcept;
void released(const void* lock) noexcept;

// The lock is destroyed.
void forget(const void* lock) noexcept;

// This thread waits for the lock for ever, while this lives.
class Waiting {
 public:
  // Throws DeadlockError: the lock's owner waits for ever for this thread, so this one would, too.
  explicit Waiting(const void* lock);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

  // Requested when it has turned out that the wait would never end.
  [[nodiscard]] std::stop_token rescue() const noexcept { return rescue_.get_token(); }
  // To be called when the wait has ended without the lock. Throws DeadlockError: it was by rescue().
  void ended();

 private:
  std::stop_source rescue_;
  bool waits_ = true;
};

// The same for a thread that has to have the lock, whatever comes of it. If that means a deadlock, another one of those
// in it is rescued; if there is none, it is reported.
class HavingTo {
 public:
  explicit HavingTo(const void* lock) noexcept;
  HavingTo(const HavingTo&) = delete;
  HavingTo& operator=(const HavingTo&) = delete;
  ~HavingTo();
};

}  // namespace plait::threading::deadlock
