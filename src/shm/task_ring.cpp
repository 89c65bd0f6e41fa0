// SPDX-License-Identifier: Apache-2.0
#include "shm/task_ring.hpp"

#include <climits>
#include <optional>
#include <string>

namespace plait::shm {

using os::Scope;

void Doorbell::wake_armed() noexcept {
  std::uint32_t expected = armed;
  // relaxed: only one of several ringers is to make the system call; the order was made by the load before
  if (!word_.compare_exchange_strong(expected, silent, std::memory_order_relaxed)) return;
  PLAIT_KILL_POINT("ring.waking");
  os::futex_wake(word_, 1, Scope::shared);
}

void Doorbell::wait() noexcept {
  // acquire: what the waker did before it
  while (word_.load(std::memory_order_acquire) == armed) os::futex_wait(word_, armed, std::nullopt, Scope::shared);
}

void Doorbell::wake() noexcept {
  word_.store(silent, std::memory_order_seq_cst);
  os::futex_wake(word_, INT_MAX, Scope::shared);  // also when silent: a ringer may have died before it woke
}

void MasterEnd::wake_worker(const std::atomic<SlotState>& state) noexcept {
  os::futex_wake(detail::word_of(state), 1, Scope::shared);
}

Payload MasterEnd::outcome() const {
  const Slot& slot = oldest();
  // Read once: a worker gone wild may go on writing. What is wrong inside the payload is found when it is decoded.
  const Content content = slot.content;
  const std::uint8_t inline_size = slot.inline_size;
  if (content != Content::value && content != Content::error) {
    throw CorruptedLane("a worker's outcome is neither value nor error, but " +
                        std::to_string(static_cast<unsigned>(content)));
  }
  if (inline_size <= Slot::inline_capacity) return {.content = content, .data = slot.bytes, .size = inline_size};
  if (inline_size != Slot::in_block) {
    throw CorruptedLane("a worker's outcome claims " + std::to_string(inline_size) + " bytes in its slot");
  }
  const Slot::Block block = slot.block;
  Heap& heap = Heap::get();
  if (!heap.contains_block(block.offset, block.size, worker_)) {
    throw CorruptedLane("a worker's outcome of " + std::to_string(block.size) + " bytes at offset " +
                        std::to_string(block.offset) + " is in no block of its own");
  }
  const auto* const data = static_cast<const std::byte*>(heap.at(block.offset));
  return {.content = content, .data = data, .size = block.size, .block = block.offset};
}

void WorkerEnd::park() noexcept {
  if (rings_first_) ring_->bell->ring();
  rings_first_ = false;
  std::atomic<SlotState>& state = ring_->slots[position_ % TaskRing::capacity].state;
  SlotState expected = SlotState::empty;
  PLAIT_KILL_POINT("ring.parking");
  // relaxed: nothing is handed over; that publish() sees this or we see that is the order of one word
  if (!state.compare_exchange_strong(expected, SlotState::parked, std::memory_order_relaxed)) return;
  PLAIT_KILL_POINT("ring.parked");
  while (state.load(std::memory_order_relaxed) == SlotState::parked) {
    os::futex_wait(detail::word_of(state), static_cast<std::uint32_t>(SlotState::parked), std::nullopt, Scope::shared);
  }
}

}  // namespace plait::shm
