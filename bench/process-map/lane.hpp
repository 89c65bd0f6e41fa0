// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A bare lane for the raw subjects: single producer, single consumer, messages of one cache line, no waiting.

#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bench {

constexpr std::int64_t lane_capacity = 1024;

class Lane {
 public:
  bool try_put(std::int64_t value) {
    if (put_ - seen_taken_ == lane_capacity)
      seen_taken_ = taken_.load(std::memory_order_acquire);  // pairs with try_get
    if (put_ - seen_taken_ == lane_capacity) return false;
    Slot& slot = slots_[static_cast<std::size_t>(put_ % lane_capacity)];
    slot.value = value;
    slot.number.store(put_++, std::memory_order_release);  // pairs with try_get
    return true;
  }

  bool try_get(std::int64_t& value) {
    Slot& slot = slots_[static_cast<std::size_t>(got_ % lane_capacity)];
    if (slot.number.load(std::memory_order_acquire) != got_) return false;  // pairs with try_put
    value = slot.value;
    if (++got_ % 64 == 0) taken_.store(got_, std::memory_order_release);  // pairs with try_put
    return true;
  }

 private:
  struct alignas(64) Slot {
    std::atomic<std::int64_t> number{-1};  // of the message that is in the slot
    std::int64_t value = 0;
  };

  std::array<Slot, lane_capacity> slots_;
  alignas(64) std::atomic<std::int64_t> taken_{0};
  alignas(64) std::int64_t put_ = 0;  // the producer's
  std::int64_t seen_taken_ = 0;
  alignas(64) std::int64_t got_ = 0;  // the consumer's
};

// Waits a little, and gives the processor away where the other side has none.
inline void relax() {
  static int spins = 0;
  __builtin_ia32_pause();
  if (++spins % 4096 == 0) ::sched_yield();
}

}  // namespace bench
