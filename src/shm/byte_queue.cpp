// SPDX-License-Identifier: Apache-2.0
#include "shm/byte_queue.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "os/barrier.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"
#include "os/spin_seats.hpp"
#include "shm/lull.hpp"
#include "shm/message_block.hpp"

namespace plait::shm {
namespace {

constinit thread_local os::SpinBudget spin_budget;

constinit thread_local Lull lull;
// This thread has put something, into whatever queue, since it last got: it may be getting the answer, without delay.
constinit thread_local bool has_put = false;

// Even who does not want to wait waits for the lock of an end, whose owner has but some ns to do: an item that is there
// is got. Unless the owner is stopped: then for so long.
constexpr std::chrono::seconds patience(1);

OwnerLock::Taken lock_end(OwnerLock& lock, OwnerId self, const Until& until) noexcept {
  const OwnerLock::Taken taken = lock.try_acquire(self);
  return taken != OwnerLock::Taken::no ? taken : lock.acquire(self, until.is_over() ? Until(patience) : until);
}

constexpr std::uint64_t padded(std::uint64_t size) noexcept { return (size + 7) & ~std::uint64_t{7}; }

}  // namespace

ByteQueue::ByteQueue(std::uint64_t maxsize, bool of_tasks) : maxsize_(maxsize), of_tasks_(of_tasks) {
  const Offset first = Heap::get().offset_of(&new_segment());
  tail_.cursors[0].segment = first;
  head_.cursors[0].segment = first;
}

// Shared at once: should we die before it is linked, it stays.
ByteQueue::Segment& ByteQueue::new_segment() {
  Heap& heap = Heap::get();
  auto* const segment = new (heap.allocate(segment_size)) Segment{0, segment_size - sizeof(Segment)};
  heap.share(segment);
  return *segment;
}

// ---- put

ByteQueue::Outcome ByteQueue::put(OwnerId self, std::span<const std::byte> bytes, const Until& until) {
  return write(self, {Record::Kind::inlined, bytes}, until);
}

ByteQueue::Outcome ByteQueue::put_block(OwnerId self, void* block, std::size_t size, const Until& until) {
  const BlockRecord record{Heap::get().offset_of(block), size};
  Content content{Record::Kind::block, std::as_bytes(std::span(&record, 1)), block};
  if (handles_in(block, size).empty()) return write(self, content, until);
  content.hand = &take_hand(self, record, Hand::being_put);
  const auto leave = [&content] {
    content.hand->block.store(0, std::memory_order_relaxed);
    content.hand->owner.store(0, std::memory_order_release);  // pairs with take_hand()
  };
  try {
    const Outcome outcome = write(self, content, until);
    leave();
    return outcome;
  } catch (...) {
    leave();
    throw;
  }
}

ByteQueue::Outcome ByteQueue::write(OwnerId self, const Content& content, const Until& until) {
  const Outcome outcome = wait_for(
      putters_, until, [&] { return try_write(self, content, until); }, [this] { return has_room(); }, [] {});
  has_put = true;
  if (outcome == Outcome::done && getters_.take()) {
    PLAIT_KILL_POINT("queue.waking");
    getters_.wake_one();
  }
  return outcome;
}

// not_in_time: there is no room, or the lock was not to be had.
ByteQueue::Outcome ByteQueue::try_write(OwnerId self, const Content& content, const Until& until) {
  if (is_shut_down()) return Outcome::shut_down;
  if (lock_end(tail_.lock, self, until) == OwnerLock::Taken::no) return Outcome::not_in_time;
  PLAIT_KILL_POINT("queue.put.locked");
  const std::uint64_t count = tail_.count.load(std::memory_order_relaxed);
  Outcome outcome = Outcome::done;
  if (is_shut_down()) {
    outcome = Outcome::shut_down;
  } else if (maxsize_ != 0 && is_full(count)) {
    outcome = Outcome::not_in_time;
  } else {
    try {
      append(count, content.kind, content.bytes);
    } catch (...) {
      tail_.lock.release();
      throw;
    }
    if (content.block != nullptr) {
      journal_index_.store(count, std::memory_order_relaxed);
      journal_block_.store(Heap::get().offset_of(content.block), std::memory_order_release);
      PLAIT_KILL_POINT("queue.put.sharing");
      Heap::get().share(content.block);
    }
    PLAIT_KILL_POINT("queue.put.written");
    tail_.count.store(count + 1, std::memory_order_release);
    PLAIT_KILL_POINT("queue.put.counted");
    if (content.block != nullptr) {
      // In this order: until the journal is empty recover_put() takes out of our hands what was counted.
      if (content.hand != nullptr) content.hand->block.store(0, std::memory_order_release);
      PLAIT_KILL_POINT("queue.put.given");
      journal_block_.store(0, std::memory_order_release);
    }
  }
  tail_.lock.release();
  os::full_barrier_after_exchange();  // the count, before the look whether getters sleep
  PLAIT_KILL_POINT("queue.put.unlocked");
  return outcome;
}

// By the owner of the tail.
bool ByteQueue::is_full(std::uint64_t count) noexcept {
  if (count - tail_.other_seen < maxsize_) return false;
  tail_.other_seen = head_.count.load(std::memory_order_seq_cst);
  return count - tail_.other_seen >= maxsize_;
}

// By the owner of the head.
bool ByteQueue::is_empty(std::uint64_t count) noexcept {
  // acquire: pairs with the store in try_write()
  if (head_.other_seen == count) head_.other_seen = tail_.count.load(std::memory_order_acquire);
  return head_.other_seen == count;
}

void ByteQueue::append(std::uint64_t count, Record::Kind kind, std::span<const std::byte> content) {
  const Heap& heap = Heap::get();
  Cursor to = tail_.now(count);
  auto* segment = static_cast<Segment*>(heap.at(to.segment));
  const std::uint64_t size = sizeof(Record) + padded(content.size());
  if (segment->size - to.at < size) {
    Offset next = segment->next.load(std::memory_order_relaxed);  // of one who died before it counted
    if (next == 0) {
      next = spare_.exchange(0, std::memory_order_acquire);  // pairs with retire()
      if (next == 0) next = heap.offset_of(&new_segment());
      static_cast<Segment*>(heap.at(next))->next.store(0, std::memory_order_relaxed);
      PLAIT_KILL_POINT("queue.put.linking");
      segment->next.store(next, std::memory_order_relaxed);
    }
    if (segment->size - to.at >= sizeof(Record)) {
      const Record end{Record::Kind::end_of_segment, 0};
      std::memcpy(segment->bytes() + to.at, &end, sizeof end);
    }
    to = {next, 0};
    segment = static_cast<Segment*>(heap.at(next));
  }
  std::byte* const place = segment->bytes() + to.at;
  const Record record{kind, static_cast<std::uint32_t>(content.size())};
  std::memcpy(place, &record, sizeof record);
  if (!content.empty()) std::memcpy(place + sizeof record, content.data(), content.size());
  tail_.next(count) = {to.segment, to.at + size};
}

// ---- get

ByteQueue::Outcome ByteQueue::get(OwnerId self, std::span<std::byte> buffer, Message& message, const Until& until) {
  const auto pause = [&] {
    if (!has_put) leave_alone(until.deadline());
  };
  const Outcome outcome = wait_for(
      getters_, until, [&] { return try_read(self, buffer, message, until); }, [this] { return has_items(); }, pause);
  has_put = false;
  if (outcome == Outcome::done && maxsize_ != 0 && putters_.take()) {
    PLAIT_KILL_POINT("queue.waking");
    putters_.wake_one();
  }
  return outcome;
}

ByteQueue::Outcome ByteQueue::try_read(OwnerId self, std::span<std::byte> buffer, Message& message,
                                       const Until& until) {
  const State state = state_.load(std::memory_order_seq_cst);
  if (state == State::emptied) return Outcome::shut_down;
  if (state == State::shut_down && !has_items() && !await_last_put(self)) return Outcome::shut_down;
  if (lock_end(head_.lock, self, until) == OwnerLock::Taken::no) return Outcome::not_in_time;
  PLAIT_KILL_POINT("queue.get.locked");
  const std::uint64_t count = head_.count.load(std::memory_order_relaxed);
  if (is_empty(count)) {
    head_.lock.release();
    return Outcome::not_in_time;
  }
  const Offset before = head_.now(count).segment;
  try {
    Account* const account = of_tasks_ ? &open_account(self) : nullptr;
    read(self, count, buffer, message);
    if (account != nullptr) account->got.set_after(count, account->got.at(count) + 1);
  } catch (...) {
    head_.lock.release();
    throw;
  }
  PLAIT_KILL_POINT("queue.get.read");
  head_.count.store(count + 1, std::memory_order_release);
  PLAIT_KILL_POINT("queue.get.counted");
  if (head_.next(count).segment != before) retire(before);
  head_.lock.release();
  os::full_barrier_after_exchange();  // the count, before the look whether putters sleep
  PLAIT_KILL_POINT("queue.get.unlocked");
  return Outcome::done;
}

// In a queue that was shut down: after this nothing more is put. Whether there is something to get.
bool ByteQueue::await_last_put(OwnerId self) noexcept {
  if (lock_end(tail_.lock, self, Until(patience)) != OwnerLock::Taken::no) tail_.lock.release();
  return has_items();
}

void ByteQueue::read(OwnerId self, std::uint64_t count, std::span<std::byte> buffer, Message& message) {
  const auto fail = [] { throw CorruptedQueue("plait: a process has written nonsense into a queue"); };
  const Heap& heap = Heap::get();
  Cursor from = head_.now(count);
  auto* segment = static_cast<Segment*>(heap.at(from.segment));
  Record record{Record::Kind::end_of_segment, 0};
  const auto look = [&] {
    if (from.segment > heap.size() - segment_size || from.at > segment_size - sizeof(Segment)) fail();
    if (segment_size - sizeof(Segment) - from.at < sizeof record) return;
    std::memcpy(&record, segment->bytes() + from.at, sizeof record);
  };
  look();
  if (record.kind == Record::Kind::end_of_segment) {
    from = {segment->next.load(std::memory_order_relaxed), 0};
    segment = static_cast<Segment*>(heap.at(from.segment));
    look();
  }
  const std::uint64_t size = sizeof record + padded(record.size);
  if (record.size > longest_inline || size > segment_size - sizeof(Segment) - from.at) fail();
  const std::byte* const content = segment->bytes() + from.at + sizeof record;
  if (record.kind == Record::Kind::inlined) {
    if (record.size != 0) std::memcpy(buffer.data(), content, record.size);
    message = {buffer.first(record.size), nullptr};
  } else {
    BlockRecord block{};
    if (record.kind != Record::Kind::block || record.size != sizeof block) fail();
    std::memcpy(&block, content, sizeof block);
    if (!heap.contains_block(block.block, block.size)) fail();
    Hand& hand = take_hand(self, block, count);
    message = {{static_cast<const std::byte*>(heap.at(block.block)), block.size}, &hand};
  }
  head_.next(count) = {from.segment, from.at + size};
}

ByteQueue::Hand& ByteQueue::take_hand(OwnerId self, const BlockRecord& block, std::uint64_t index) {
  Hand& hand = hands_.take([self](Hand& free_one) {
    OwnerId nobody = 0;
    return free_one.owner.load(std::memory_order_relaxed) == 0 &&
           free_one.owner.compare_exchange_strong(nobody, self, std::memory_order_acquire, std::memory_order_relaxed);
  });
  hand.index.store(index, std::memory_order_relaxed);
  hand.size.store(block.size, std::memory_order_relaxed);
  PLAIT_KILL_POINT("queue.get.taking");
  hand.block.store(block.block, std::memory_order_release);  // the index and the size, for recover()
  return hand;
}

void ByteQueue::finish(const Message& message) noexcept {
  if (message.hand == nullptr) return;
  Heap& heap = Heap::get();
  Hand& hand = *message.hand;
  // acquire: of a dead process, what it took
  if (const Offset block = hand.block.load(std::memory_order_acquire); block != 0) {
    // In this order: should we die in between, whoever comes next finds what has not been given back, or the block
    // stays.
    give_back_handles(heap.at(block), hand.size.load(std::memory_order_relaxed));
    const bool is_ours = hand.block.exchange(0, std::memory_order_relaxed) == block;
    PLAIT_KILL_POINT("queue.get.finishing");
    if (is_ours) heap.deallocate(heap.at(block));
  }
  PLAIT_KILL_POINT("queue.get.freed");
  hand.owner.store(0, std::memory_order_release);  // pairs with take_hand()
}

void ByteQueue::retire(Offset segment) noexcept {
  // acq_rel: who uses it again has it to itself
  const Offset former = spare_.exchange(segment, std::memory_order_acq_rel);
  Heap& heap = Heap::get();
  if (former != 0) heap.deallocate(heap.at(former));
}

// ---- waiting

// By one that gets and has found nothing. Like all spinning in a seat: so many threads at a time, and none if there is
// but one processor.
void ByteQueue::leave_alone(Deadline deadline) const noexcept {
  if (const os::SpinSeats::Taken seat(os::SpinSeats::of_waiters()); seat) {
    lull.wait(this, maxsize_, deadline, [this] { return size(); });
  }
}

// `pause`: between the first attempt and the first look whether it is ready.
template <class Try, class Ready, class Pause>
ByteQueue::Outcome ByteQueue::wait_for(SleepersWord& sleepers, const Until& until, Try attempt, Ready is_ready,
                                       Pause pause) {
  Outcome outcome = attempt();
  if (outcome != Outcome::not_in_time || until.is_over()) return outcome;
  pause();
  const auto may_go_on = [&] { return is_ready() || is_shut_down(); };
  Sleep sleep(until);
  bool has_slept = false;
  do {
    const auto begin = std::chrono::steady_clock::now();
    if (!os::spin_in_seat(spin_budget, may_go_on)) {
      const std::uint32_t announced = sleepers.announce();
      if (!may_go_on()) {
        PLAIT_KILL_POINT("queue.sleeping");
        sleepers.sleep(sleep, announced);
        PLAIT_KILL_POINT("queue.woken");
        has_slept = true;
        spin_budget.woke_after(std::chrono::steady_clock::now() - begin);
      }
    }
    outcome = attempt();
  } while (outcome == Outcome::not_in_time && !sleep.is_over() && !until.is_over());
  if (!has_slept) return outcome;
  sleepers.pass_on(is_ready);
  return outcome;
}

std::uint64_t ByteQueue::size() const noexcept {
  // The head first: it never overtakes the tail.
  const std::uint64_t head = head_.count.load(std::memory_order_acquire);
  return tail_.count.load(std::memory_order_acquire) - head;
}

// ---- tasks

ByteQueue::Account* ByteQueue::account_of(OwnerId process) noexcept {
  return accounts_.find(
      [process](const Account& account) { return account.owner.load(std::memory_order_relaxed) == process; });
}

// By the owner of the head. Throws OutOfSharedMemory.
ByteQueue::Account& ByteQueue::open_account(OwnerId self) {
  if (Account* const account = account_of(self)) return *account;
  return accounts_.take([self](Account& free_one) {
    OwnerId nobody = 0;
    // acquire: pairs with close_account(). Its former owner had called done all that it got: the totals may go on.
    return free_one.owner.load(std::memory_order_relaxed) == 0 &&
           free_one.owner.compare_exchange_strong(nobody, self, std::memory_order_acquire, std::memory_order_relaxed);
  });
}

bool ByteQueue::task_done(OwnerId self) noexcept {
  tasks_.acquire(self, {});
  PLAIT_KILL_POINT("queue.task.locked");
  const bool is_one = unfinished_tasks() > 0;
  if (is_one) settle(1, account_of(self));
  tasks_.release();
  PLAIT_KILL_POINT("queue.task.unlocked");
  std::atomic_thread_fence(std::memory_order_seq_cst);
  close_accounts(self);
  if (is_one && unfinished_tasks() == 0 && joiners_.take()) joiners_.broadcast();
  return is_one;
}

void ByteQueue::hand_over_tasks(OwnerId self) noexcept {
  Account* const account = of_tasks_ ? account_of(self) : nullptr;
  if (account == nullptr || tasks_.acquire(self, Until(patience)) == OwnerLock::Taken::no) return;
  // As if it had done all, but that nothing is counted.
  const std::uint64_t got = account->got.at(head_.count.load(std::memory_order_acquire));
  const std::uint64_t count = done_.load(std::memory_order_relaxed);
  if (account->done.at(count) < got) account->done.set_now(count, got);
  PLAIT_KILL_POINT("queue.task.handed_over");
  tasks_.release();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  close_accounts(self);
}

// By the owner of tasks_.
void ByteQueue::settle(std::uint64_t tasks, Account* account) noexcept {
  const std::uint64_t count = done_.load(std::memory_order_relaxed);
  if (account != nullptr) account->done.set_after(count, account->done.at(count) + tasks);
  PLAIT_KILL_POINT("queue.task.booked");
  // seq_cst: before the look at the joiners; and release: what was done is seen by them
  done_.store(count + tasks, std::memory_order_seq_cst);
  PLAIT_KILL_POINT("queue.task.counted");
}

// Of who has ended: nobody else will call done what it had got. Waits for nobody: who holds tasks_ does it afterwards,
// or who recovers it from the dead. seq_cst: of "is closing; is tasks_ free" and "free tasks_; is any closing" at least
// one sees the other.
void ByteQueue::close_accounts(OwnerId self) noexcept {
  while (is_closing_.load(std::memory_order_seq_cst) && tasks_.try_acquire(self) != OwnerLock::Taken::no) {
    is_closing_.store(false, std::memory_order_seq_cst);
    accounts_.for_each([this](Account& account) {
      if (account.is_closing.load(std::memory_order_acquire)) close_account(account);
    });
    tasks_.release();
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

// By the owner of tasks_. May be repeated.
void ByteQueue::close_account(Account& account) noexcept {
  const std::uint64_t got = account.got.at(head_.count.load(std::memory_order_acquire));
  const std::uint64_t done = account.done.at(done_.load(std::memory_order_relaxed));
  const std::uint64_t left = std::min(got - std::min(got, done), unfinished_tasks());
  if (left > 0) settle(left, &account);
  if (unfinished_tasks() == 0) joiners_.broadcast();
  PLAIT_KILL_POINT("queue.task.closing");
  account.is_closing.store(false, std::memory_order_relaxed);
  // Of one that called done what others had got the account stays: the next could not go on with it.
  if (got == done + left) account.owner.store(0, std::memory_order_release);
}

bool ByteQueue::join(const Until& until) noexcept {
  const auto is_done = [this] { return unfinished_tasks() == 0; };
  if (is_done()) return true;
  if (until.is_over()) return false;
  if (os::spin_in_seat(spin_budget, is_done)) return true;
  for (Sleep sleep(until); !sleep.is_over();) {
    const std::uint32_t announced = joiners_.announce();
    if (is_done()) return true;
    joiners_.sleep(sleep, announced);
    if (is_done()) return true;
  }
  return is_done();
}

std::uint64_t ByteQueue::unfinished_tasks() const noexcept {
  const std::uint64_t done = done_.load(std::memory_order_seq_cst);
  return tail_.count.load(std::memory_order_seq_cst) - done;
}

// ---- shutting down

void ByteQueue::shut_down(State to) noexcept {
  State was = State::open;
  if (!state_.compare_exchange_strong(was, to, std::memory_order_seq_cst) && to == State::emptied) {
    state_.store(to, std::memory_order_seq_cst);
  }
  PLAIT_KILL_POINT("queue.shut_down");
  getters_.broadcast();
  putters_.broadcast();
}

void ByteQueue::shut_down_now(OwnerId self) noexcept {
  shut_down(State::shut_down);
  await_last_put(self);
  std::byte buffer[longest_inline];
  std::uint64_t dropped = 0;
  for (Message message;; finish(message), ++dropped) {
    try {
      if (try_read(self, buffer, message, Until(patience)) != Outcome::done) break;
    } catch (const Error&) {
      break;  // clear() frees what is left, as far as it can be read
    }
  }
  shut_down(State::emptied);
  for (; dropped > 0 && task_done(self); --dropped) {
  }
}

}  // namespace plait::shm
