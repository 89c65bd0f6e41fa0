// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The lane between a pool and one worker process: a ring of slots in shared memory. A task and its outcome use
// the same slot, so the state word of a slot alone says what became of the task, also after a SIGKILL.
//
// States of a slot, and who moves it (M = the master, the pool's process; W = its worker):
//
//   empty ──M publish──▶ ready ──W claim──▶ claimed ──W finish──▶ done ──M collect──▶ empty
//     │  ▲                 └────M revoke──▶ revoked ──W skip──▶ skipped ──M collect──▶ empty
//     └W park─▶ parked ──M publish, and wake──▶ ready
//
// Invariants (model-checked in tests/model/task_ring.pml; docs/design/task-ring.md has the reasons):
//   once       a task is claimed by at most one worker, and never both claimed and revoked
//   no-lost    a worker never sleeps while its next slot is ready: publishing and the sleeping flag are one word;
//              the master never sleeps while an outcome is uncollected: the doorbell is a Dekker pair (below)
//   crash      if W dies, the slot claimed is exactly the task it was running (at most one), those ready were
//              never started, those done have a whole outcome
//   in-flight  M publishes at most `most_in_flight` = capacity - 1 slots ahead of what it has collected: no side waits
//              for room, and the slot at which an idle worker parks is always empty, never an outcome to be collected
//
// Memory order: a transition that hands the payload over is a release by its writer, and pairs with the acquire
// of the reader's load or read-modify-write of the same word.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "plait/errors.hpp"
#include "shm/heap.hpp"

namespace plait::shm {

// A worker wrote nonsense into its lane. Only what that worker had in hand is lost; it is to be killed.
class CorruptedLane : public Error {
 public:
  using Error::Error;
};

enum class SlotState : std::uint32_t { empty, parked, ready, claimed, done, revoked, skipped };

// What a slot carries. A worker writes it too, so the master checks it before use.
// `initialize` is a call too, but one without which the worker is not to go on.
enum class Content : std::uint8_t { call, initialize, value, error, quit };

struct alignas(64) Slot {
  static constexpr std::size_t inline_capacity = 120;
  static constexpr std::uint8_t in_block = 255;  // inline_size when the payload lies in the shared heap

  struct Block {
    std::uint64_t offset;
    std::uint64_t size;
  };

  std::atomic<SlotState> state{SlotState::empty};
  Content content{};
  std::uint8_t inline_size = 0;
  union {
    alignas(8) std::byte bytes[inline_capacity];
    Block block;
  };
};
static_assert(sizeof(Slot) == 128);

namespace detail {

// The futex word that a slot's state is.
inline const std::atomic<std::uint32_t>& word_of(const std::atomic<SlotState>& state) noexcept {
  static_assert(sizeof(state) == sizeof(std::uint32_t) && std::atomic<SlotState>::is_always_lock_free);
  return reinterpret_cast<const std::atomic<std::uint32_t>&>(state);
}

}  // namespace detail

// "Something is to be collected": one word that many workers ring and one collector of the master sleeps on.
//
// Dekker pair: W stores `done` in a slot (seq_cst), then loads the bell (seq_cst). M stores `armed` in the bell
// (seq_cst), then loads the slots (seq_cst), then sleeps while the bell is armed. In the total order of these four
// either W sees `armed` and wakes, or M sees `done` and does not sleep.
//
// If W dies between stopping the alarm and waking M, its death wakes M: the supervisor calls wake().
class Doorbell {
 public:
  // Worker: after an outcome was published.
  void ring() noexcept {
    if (word_.load(std::memory_order_seq_cst) == armed) wake_armed();
  }
  // Master: from now on outcomes ring. The caller must look at every lane once more before it sleeps.
  void arm() noexcept { word_.store(armed, std::memory_order_seq_cst); }
  // Master: somebody is looking at the lanes, ringing is not needed.
  void disarm() noexcept {
    // relaxed, and no store if it is silent: workers read this line; a ring that was not needed does no harm
    if (word_.load(std::memory_order_relaxed) != silent) word_.store(silent, std::memory_order_seq_cst);
  }
  // Master: sleeps until rung, or returns at once if not armed. Leaves it silent.
  void wait() noexcept;
  // Master: wakes the sleeper, whether armed or not, so that it looks at what is not in the lanes (a death, a stop).
  void wake() noexcept;

 private:
  static constexpr std::uint32_t silent = 0;
  static constexpr std::uint32_t armed = 1;
  void wake_armed() noexcept;

  alignas(64) std::atomic<std::uint32_t> word_{silent};
};

// The part in shared memory. Lives in the shared heap; the worker finds it by its address.
struct TaskRing {
  static constexpr std::uint64_t capacity = 256;  // a power of two
  static constexpr std::uint64_t most_in_flight = capacity - 1;

  Doorbell* bell = nullptr;  // the pool's
  Slot slots[capacity];
};

// What a payload is to its reader: a view into the slot or into a block of the shared heap.
struct Payload {
  Content content{};
  const std::byte* data = nullptr;
  std::size_t size = 0;
  std::uint64_t block = 0;  // offset of the block, 0: inline
};

// The master's end. Not thread-safe: the pool's mutex guards it. It keeps its positions in private memory, and
// trusts of what it reads only the state word; contents are checked against the heap's bounds.
class MasterEnd {
 public:
  // With the worker's number in the heap, an outcome must lie in a block of that worker; 0: in any.
  explicit MasterEnd(TaskRing& ring, OwnerId worker = 0) noexcept : ring_(&ring), worker_(worker) {}

  [[nodiscard]] std::uint64_t in_flight() const noexcept { return published_ - collected_; }
  [[nodiscard]] bool full() const noexcept { return in_flight() == TaskRing::most_in_flight; }
  [[nodiscard]] std::uint64_t next_position() const noexcept { return published_; }
  [[nodiscard]] std::uint64_t oldest_position() const noexcept { return collected_; }
  [[nodiscard]] Slot& slot(std::uint64_t position) noexcept { return ring_->slots[position % TaskRing::capacity]; }

  // The slot to fill before publish(). Requires !full().
  [[nodiscard]] Slot& next() noexcept { return slot(published_); }
  // Hands next() to the worker and wakes it if it sleeps.
  void publish() noexcept {
    std::atomic<SlotState>& state = slot(published_++).state;
    // release: the payload, for the claim. One exchange tells us also whether the worker sleeps here: it parked before
    // (we see it), or its attempt to park comes after (it sees `ready`).
    if (state.exchange(SlotState::ready, std::memory_order_acq_rel) == SlotState::parked) wake_worker(state);
  }
  // Takes back the task at `position` unless the worker has claimed it; true: it will never run in this worker.
  // Requires oldest_position() <= position < next_position(), so it is not where the worker parks.
  bool revoke(std::uint64_t position) noexcept {
    SlotState expected = SlotState::ready;
    // relaxed: nothing is handed over, the worker will not look at the payload
    return slot(position).state.compare_exchange_strong(expected, SlotState::revoked, std::memory_order_relaxed);
  }
  // State of the oldest slot not collected. Requires in_flight() > 0.
  [[nodiscard]] SlotState oldest_state() const noexcept {
    return oldest().state.load(std::memory_order_acquire);  // pairs with the release in finish()
  }
  // Whether the oldest slot can be collected; ordered after the arming of the doorbell.
  [[nodiscard]] bool oldest_settled() const noexcept {
    const SlotState state = oldest().state.load(std::memory_order_seq_cst);
    return state == SlotState::done || state == SlotState::skipped;
  }
  // The outcome in the oldest slot, whose content is `value` or `error`. Requires oldest_state() == done. Throws
  // CorruptedLane when the worker wrote nonsense.
  [[nodiscard]] Payload outcome() const;
  // Frees the oldest slot for another task.
  void collect() noexcept {
    // relaxed: who fills the slot next is this process; publish() releases it
    slot(collected_++).state.store(SlotState::empty, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] const Slot& oldest() const noexcept { return ring_->slots[collected_ % TaskRing::capacity]; }
  static void wake_worker(const std::atomic<SlotState>& state) noexcept;

  TaskRing* ring_;
  OwnerId worker_;
  std::uint64_t published_ = 0;
  std::uint64_t collected_ = 0;
};

// The worker's end; one thread.
class WorkerEnd {
 public:
  explicit WorkerEnd(TaskRing& ring) noexcept : ring_(&ring) {}

  // Claims the next task if there is one; skips revoked ones. nullptr: nothing to do now.
  [[nodiscard]] Slot* try_claim() noexcept {
    for (;;) {
      Slot& slot = ring_->slots[position_ % TaskRing::capacity];
      // relaxed: only a look, so that an idle worker does not write to the line that the master is about to fill
      SlotState state = slot.state.load(std::memory_order_relaxed);
      if (state == SlotState::ready) {
        PLAIT_KILL_POINT("ring.claiming");
        // acquire: pairs with the release in publish()
        if (slot.state.compare_exchange_strong(state, SlotState::claimed, std::memory_order_acquire)) {
          PLAIT_KILL_POINT("ring.claimed");
          ++position_;
          return &slot;
        }
      }
      if (state != SlotState::revoked) return nullptr;
      PLAIT_KILL_POINT("ring.skipping");
      slot.state.store(SlotState::skipped, std::memory_order_seq_cst);  // seq_cst: for the doorbell's Dekker pair
      PLAIT_KILL_POINT("ring.skipped");
      ++position_;
      rings_first_ = true;
    }
  }
  // Sleeps until there may be something to claim. Call after try_claim() has found nothing.
  void park() noexcept;
  // Publishes the outcome that was written into the slot claimed last, and rings.
  void finish(Slot& slot) noexcept {
    PLAIT_KILL_POINT("ring.finishing");
    // release: the outcome, for oldest_state(); seq_cst: before the look at the bell, for its Dekker pair
    slot.state.store(SlotState::done, std::memory_order_seq_cst);
    PLAIT_KILL_POINT("ring.finished");
    rings_first_ = false;
    ring_->bell->ring();
  }

 private:
  TaskRing* ring_;
  std::uint64_t position_ = 0;
  bool rings_first_ = false;  // slots were skipped, and the master has not been told
};

}  // namespace plait::shm
