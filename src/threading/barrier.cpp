// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/barrier.hpp"

#include <mutex>
#include <string>
#include <utility>

namespace plait::threading {

struct Barrier::Arrival : detail::Waiter {
  bool broken = false;
};

Barrier::Barrier(Options options, int parties)
    : parties_(parties), action_(std::move(options.action)), timeout_(options.timeout) {
  if (parties < 1) throw ValueError("a barrier needs 1 party or more, not " + std::to_string(parties));
}

int Barrier::wait() { return timeout_ ? wait(Until(*timeout_)) : wait(Until()); }

int Barrier::wait(const Until& until) {
  Arrival self;
  detail::WakeChain woken;  // before the lock, so that it is destroyed after it
  std::unique_lock held(mutex_);
  if (broken()) throw BrokenBarrierError("the barrier is broken; reset() mends it");
  const int index = n_waiting();
  if (index + 1 == parties_) {
    try {
      if (action_) action_();
    } catch (...) {
      end_round(true, woken);
      throw;
    }
    end_round(false, woken);
    return index;
  }
  arrived_.store(index + 1, std::memory_order_relaxed);
  waiters_.push_back(self);
  held.unlock();
  if (until.is_over() || !self.wait(until)) {
    held.lock();
    if (self.is_linked()) {
      waiters_.remove(self);
      end_round(true, woken);
      throw BrokenBarrierError("the other threads did not come in time, which broke the barrier; reset() mends it");
    }
    held.unlock();
    self.await_wake();
  }
  if (self.broken) throw BrokenBarrierError("the barrier was broken while this thread waited at it");
  return index;
}

// With mutex_ held.
void Barrier::end_round(bool broken, detail::WakeChain& woken) noexcept {
  if (broken) broken_.store(true, std::memory_order_relaxed);
  arrived_.store(0, std::memory_order_relaxed);
  while (detail::Waiter* const waiter = waiters_.pop_front()) {
    static_cast<Arrival*>(waiter)->broken = broken;
    woken.add(waiter);
  }
}

void Barrier::reset() {
  detail::WakeChain woken;
  const std::scoped_lock held(mutex_);
  end_round(true, woken);
  broken_.store(false, std::memory_order_relaxed);
}

void Barrier::abort() {
  detail::WakeChain woken;
  const std::scoped_lock held(mutex_);
  end_round(true, woken);
}

}  // namespace plait::threading
