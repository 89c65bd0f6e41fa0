// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace plait::os {

// std::atomic_thread_fence(seq_cst), for who has just made a seq_cst exchange, on whatever word: on x86 that was a full
// barrier already, and a second one takes as long as the first.
inline void full_barrier_after_exchange() noexcept {
#if defined(__x86_64__)
  std::atomic_signal_fence(std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace plait::os
