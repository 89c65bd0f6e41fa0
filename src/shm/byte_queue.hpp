// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A FIFO of messages between processes, in which any of them may be killed between any two instructions.
//
// Messages lie one after another in linked segments; larger ones in a block of their own, of which the segment has the
// offset. Each end has a lock that knows its owner, a count, and two cursors: the one that count speaks of and the one
// to come. So one store, of the count, makes a put or a get so, and who takes an end over from the dead has nothing to
// mend:
//
//   put   lock the tail; write the message behind cursor[count % 2]; write cursor[(count + 1) % 2]; count + 1; unlock
//   get   lock the head; copy the message at cursor[count % 2]; write the other cursor; count + 1; unlock
//
// Blocks change hands. A put shares its block before it counts, and says so in the tail's journal; a get writes the
// block into a hand of its own before it counts, and empties the hand before it frees the block. recover(dead), while
// the dead still owns the end, undoes what was not counted; what a hand holds that was counted is freed: that is the
// item which the dead one had in hand. Who frees a message gives back the references that it carries
// (message_block.hpp). A putter has a message with such in a hand too, until it has counted, for it may wait long.
//
// Sleeping: whoever has put looks whether getters may be asleep (SleepersWord), and wakes one. Who has slept and goes
// on, with an item or without, does for the others what the waker could not know: says again that some may be asleep,
// and if there is more wakes the next. The same for putters that wait for room. A full barrier between the count and
// the look, and seq_cst with those who sleep: of "count, look whether one sleeps" and "say that I sleep, look at the
// count" at least one sees the other (model: tests/model/shared_queue.pml).
//
// Tasks: a queue of them keeps an account for each process that gets, of what it has got and what of that it has called
// done; after its death the rest counts as done, but not if it has handed that over before it ended. Both are totals
// like the cursors, in two entries that name the count at which they are so; thus the store of the count makes the
// total so as well.
//
// Memory order: the message is released by the tail's count and acquired by the getter that reads it; a segment that is
// used again, by the exchange of `spare`; everything else is guarded by the lock of its end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shm/heap.hpp"
#include "shm/owner_lock.hpp"
#include "shm/page_list.hpp"
#include "shm/wait.hpp"

namespace plait::shm {

// A process wrote nonsense into a queue.
class CorruptedQueue : public Error {
 public:
  using Error::Error;
};

class ByteQueue {
 public:
  enum class Outcome : std::uint8_t { done, not_in_time, shut_down };

  // Longer messages are to be put as blocks.
  static constexpr std::size_t longest_inline = 4096 - 16;

  // What is in a getter's hands until finish(). Its process dying, the item is lost.
  struct Hand {
    static constexpr std::uint64_t being_put = ~std::uint64_t{0};
    std::atomic<OwnerId> owner{0};
    std::atomic<Offset> block{0};
    std::atomic<std::uint64_t> index{0};  // of the message; or being_put: in a putter's hands
    std::atomic<std::uint64_t> size{0};
  };
  struct Message {
    std::span<const std::byte> bytes;  // in the caller's buffer or in the block
    Hand* hand = nullptr;              // of a block
  };

  // `maxsize` 0: without bound. `of_tasks`: it keeps accounts. Throws OutOfSharedMemory.
  explicit ByteQueue(std::uint64_t maxsize, bool of_tasks = false);
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  // Copies the bytes, at most longest_inline. Throws OutOfSharedMemory: nothing was put.
  Outcome put(OwnerId self, std::span<const std::byte> bytes, const Until& until);
  // Takes over a block that `self` got from allocate_message(), if `done`. Throws OutOfSharedMemory: nothing was put.
  Outcome put_block(OwnerId self, void* block, std::size_t size, const Until& until);

  // `buffer`: longest_inline bytes. Throws CorruptedQueue, OutOfSharedMemory: nothing was taken.
  Outcome get(OwnerId self, std::span<std::byte> buffer, Message& message, const Until& until);
  // The message is not needed any more.
  static void finish(const Message& message) noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept;
  [[nodiscard]] std::uint64_t maxsize() const noexcept { return maxsize_; }

  // A get would not wait: there is something, or it was shut down.
  [[nodiscard]] bool is_ready_for_get() const noexcept { return has_items() || is_shut_down(); }
  // For who waits for several queues, and so among the getters of each (queue_wait.hpp): announces itself; sleeps, if
  // then none is ready; and whenever it has slept, passes on what may have woken it.
  [[nodiscard]] os::FutexWord announce_getter() noexcept { return getters_.to_sleep_on(getters_.announce()); }
  void getter_has_slept() noexcept {
    getters_.pass_on([this] { return has_items(); });
  }

  // False: more often than put.
  bool task_done(OwnerId self) noexcept;
  // False: not in time.
  bool join(const Until& until) noexcept;
  [[nodiscard]] std::uint64_t unfinished_tasks() const noexcept;

  void shut_down() noexcept { shut_down(State::shut_down); }
  // Drops what is in it, which counts as done.
  void shut_down_now(OwnerId self) noexcept;
  [[nodiscard]] bool is_shut_down() const noexcept { return state_.load(std::memory_order_relaxed) != State::open; }

  // Whether recover() has something to do for a process that has no handle any more.
  [[nodiscard]] bool is_involved(OwnerId process) noexcept {
    return of_tasks_ && (account_of(process) != nullptr || tasks_.owner() == process);
  }
  // What `self` has got and not called done is for others to call so: it ends, and nothing went wrong.
  void hand_over_tasks(OwnerId self) noexcept;
  // After `dead` has died.
  void recover(OwnerId dead) noexcept;
  // Frees all; by who has it to himself.
  void clear() noexcept;

 private:
  enum class State : std::uint32_t { open, shut_down, emptied };

  struct Segment {
    std::atomic<Offset> next;
    std::size_t size;  // of the bytes that follow
    [[nodiscard]] std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  struct Cursor {
    Offset segment = 0;
    std::uint64_t at = 0;  // bytes into the segment
  };
  struct alignas(64) End {
    OwnerLock lock;
    std::atomic<std::uint64_t> count{0};
    std::uint64_t other_seen =
        0;  // the other end's count when it was last looked at, which is seldom: its line is busy
    Cursor cursors[2];
    Cursor& now(std::uint64_t at_count) noexcept { return cursors[at_count % 2]; }
    Cursor& next(std::uint64_t at_count) noexcept { return cursors[(at_count + 1) % 2]; }
  };
  // Of a message in its segment.
  struct Record {
    enum class Kind : std::uint32_t { inlined, block, end_of_segment };
    Kind kind;
    std::uint32_t size;  // of what follows
  };
  struct BlockRecord {
    Offset block;
    std::uint64_t size;
  };
  // What is put.
  struct Content {
    Record::Kind kind;
    std::span<const std::byte> bytes;
    void* block = nullptr;
    Hand* hand = nullptr;  // it is in, if it carries references
  };

  // How often a process has done something at an end of which the count is known: what the entry says with the greatest
  // index below that count.
  class Total {
   public:
    [[nodiscard]] std::uint64_t at(std::uint64_t count) const noexcept { return entries_[newest(count)].total; }
    // From count + 1 on, or more; so without effect until the count is over `count`. By who has the lock of the count.
    void set_after(std::uint64_t count, std::uint64_t total) noexcept {
      Entry& older = entries_[1 - newest(count)];
      older.total = total;
      std::atomic_signal_fence(
          std::memory_order_release);  // for who looks after our death, it is a matter of order only
      older.index = count + 1;
    }

    // At once, by who has the lock of the count.
    void set_now(std::uint64_t count, std::uint64_t total) noexcept { entries_[newest(count)].total = total; }

    // Of who died before it counted, and still has the lock.
    void cancel_after(std::uint64_t count) noexcept {
      for (Entry& entry : entries_) {
        if (entry.index > count) entry.index = 0;
      }
    }

   private:
    struct Entry {
      std::uint64_t index = 0;  // the count from which on it is so
      std::uint64_t total = 0;
    };
    [[nodiscard]] std::size_t newest(std::uint64_t count) const noexcept {
      const bool second_is_so = entries_[1].index <= count;
      return second_is_so && (entries_[0].index > count || entries_[1].index > entries_[0].index) ? 1 : 0;
    }
    Entry entries_[2];
  };
  struct Account {
    std::atomic<OwnerId> owner{0};
    std::atomic<bool> is_closing{false};  // its owner has ended
    Total got;                            // at the head's count
    Total done;                           // at the count of what is done
  };

  static constexpr std::size_t segment_size = std::size_t{32} << 10;

  static Segment& new_segment();
  Outcome write(OwnerId self, const Content& content, const Until& until);
  Outcome try_write(OwnerId self, const Content& content, const Until& until);
  void append(std::uint64_t count, Record::Kind kind, std::span<const std::byte> content);
  Outcome try_read(OwnerId self, std::span<std::byte> buffer, Message& message, const Until& until);
  void read(OwnerId self, std::uint64_t count, std::span<std::byte> buffer, Message& message);
  void leave_alone(Deadline deadline) const noexcept;
  bool is_full(std::uint64_t count) noexcept;
  bool is_empty(std::uint64_t count) noexcept;
  bool await_last_put(OwnerId self) noexcept;
  Account* account_of(OwnerId process) noexcept;
  Account& open_account(OwnerId self);
  void settle(std::uint64_t tasks, Account* account) noexcept;
  void close_accounts(OwnerId self) noexcept;
  void close_account(Account& account) noexcept;
  Hand& take_hand(OwnerId self, const BlockRecord& block, std::uint64_t index);
  void recover_put(OwnerId dead) noexcept;
  void empty_hands(OwnerId dead, bool of_head_owner) noexcept;
  void retire(Offset segment) noexcept;

  [[nodiscard]] bool has_items() const noexcept {
    return tail_.count.load(std::memory_order_seq_cst) != head_.count.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool has_room() const noexcept {
    return maxsize_ == 0 ||
           tail_.count.load(std::memory_order_seq_cst) - head_.count.load(std::memory_order_seq_cst) < maxsize_;
  }
  template <class Try, class Ready, class Pause>
  Outcome wait_for(SleepersWord& sleepers, const Until& until, Try attempt, Ready is_ready, Pause pause);
  void shut_down(State to) noexcept;

  // The tail: what putters write.
  End tail_;
  std::atomic<Offset> journal_block_{0};         // shared, but not counted unless the tail's count is over …
  std::atomic<std::uint64_t> journal_index_{0};  // … this
  // The head: what getters write.
  End head_;
  // Words to sleep on, and what both write.
  alignas(64) SleepersWord getters_;
  alignas(64) SleepersWord putters_;
  alignas(64) SleepersWord joiners_;
  OwnerLock tasks_;  // of the count of what is done
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> is_closing_{false};  // there may be accounts to be closed
  std::atomic<Offset> spare_{0};         // a segment to be used again
  alignas(64) const std::uint64_t maxsize_;
  std::atomic<State> state_{State::open};
  const bool of_tasks_;
  PageList<Hand, 8> hands_;
  PageList<Account, 8> accounts_;
};

}  // namespace plait::shm
