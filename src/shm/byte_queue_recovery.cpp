// SPDX-License-Identifier: Apache-2.0
//
// The part of a queue between processes that deals with deaths, and with its own.
#include "shm/byte_queue.hpp"
#include "shm/message_block.hpp"

namespace plait::shm {

// While the tail names the dead.
void ByteQueue::recover_put(OwnerId dead) noexcept {
  Heap& heap = Heap::get();
  const Offset block = journal_block_.load(std::memory_order_relaxed);
  if (block == 0) return;
  const bool was_counted =
      journal_index_.load(std::memory_order_relaxed) != tail_.count.load(std::memory_order_relaxed);
  if (was_counted) {  // it is the queue's, or that of one who has got it
    hands_.for_each([dead, block](Hand& hand) {
      const bool is_it = hand.owner.load(std::memory_order_relaxed) == dead &&
                         hand.index.load(std::memory_order_relaxed) == Hand::being_put;
      if (is_it && hand.block.load(std::memory_order_acquire) == block) hand.block.store(0, std::memory_order_relaxed);
    });
  }
  journal_block_.store(0, std::memory_order_release);
  if (!was_counted) heap.unshare(heap.at(block), dead);
}

// Frees what the dead had in its hands; but for what it was about to take, if it is the owner of the head, whose count
// says whether it did.
void ByteQueue::empty_hands(OwnerId dead, bool of_head_owner) noexcept {
  hands_.for_each([&](Hand& hand) {
    if (hand.owner.load(std::memory_order_relaxed) != dead) return;
    const std::uint64_t index = hand.index.load(std::memory_order_relaxed);
    const bool was_its =
        !of_head_owner || index == Hand::being_put || index < head_.count.load(std::memory_order_relaxed);
    if (was_its) return finish({{}, &hand});
    hand.block.store(0, std::memory_order_relaxed);
    hand.owner.store(0, std::memory_order_release);
  });
}

void ByteQueue::recover(OwnerId dead) noexcept {
  // While an end names the dead, nobody else can change it.
  tail_.lock.recover(dead, false, [&] { recover_put(dead); });
  Account* const account = of_tasks_ ? account_of(dead) : nullptr;
  head_.lock.recover(dead, false, [&] {
    empty_hands(dead, true);
    if (account != nullptr) account->got.cancel_after(head_.count.load(std::memory_order_relaxed));
  });
  empty_hands(dead, false);
  if (of_tasks_) {
    tasks_.recover(dead, false, [this] {
      // Its own, or that of somebody whom it had survived.
      const std::uint64_t count = done_.load(std::memory_order_relaxed);
      accounts_.for_each([count](Account& each) { each.done.cancel_after(count); });
    });
    if (account != nullptr) account->is_closing.store(true, std::memory_order_release);
    is_closing_.store(true, std::memory_order_seq_cst);
    close_accounts(Heap::get().self());
  }
  for (SleepersWord* const sleepers : {&getters_, &putters_, &joiners_}) sleepers->broadcast();
}

void ByteQueue::clear() noexcept {
  Heap& heap = Heap::get();
  std::byte buffer[longest_inline];
  for (Message message; has_items(); finish(message)) {
    try {
      const std::uint64_t count = head_.count.load(std::memory_order_relaxed);
      read(Heap::root, count, buffer, message);
      const Offset before = head_.now(count).segment;
      head_.count.store(count + 1, std::memory_order_relaxed);
      if (head_.next(count).segment != before) heap.deallocate(heap.at(before));
    } catch (const Error&) {
      break;
    }
  }
  for (Offset at = head_.now(head_.count.load(std::memory_order_relaxed)).segment; at != 0;) {
    auto* const segment = static_cast<Segment*>(heap.at(at));
    if (!heap.contains_block(at, segment_size)) break;
    at = segment->next.load(std::memory_order_relaxed);
    heap.deallocate(segment);
  }
  const Offset spare = spare_.load(std::memory_order_relaxed);
  if (spare != 0) heap.deallocate(heap.at(spare));
  hands_.clear();
  accounts_.clear();
}

}  // namespace plait::shm
