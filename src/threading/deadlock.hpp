// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Watching in which order locks are acquired, with PLAIT_DEADLOCK=1 in the environment. docs/design/deadlock.md.
//
// Locks call in here only when they are traced, which they are from their construction on or never.

namespace plait::threading::deadlock {

// Whether locks made from now on are to be traced. The environment is read once.
[[nodiscard]] bool is_watching() noexcept;

// This thread is going to acquire the lock, however long that takes. Reports an order that contradicts one seen before,
// once, with both stacks.
void about_to_acquire(const void* lock) noexcept;

// It has acquired it, or releases it now.
void acquired(const void* lock) noexcept;
void released(const void* lock) noexcept;

// The lock is destroyed.
void forget(const void* lock) noexcept;

// This thread waits for the lock while this lives; for ever, or until something else ends it.
class Waiting {
 public:
  // Throws DeadlockError: the lock's owner waits for ever for this thread, so this one would, too.
  Waiting(const void* lock, bool for_ever);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();
};

}  // namespace plait::threading::deadlock
