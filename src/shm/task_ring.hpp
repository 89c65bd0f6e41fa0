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
// Invariants (model-checked in tests/model/task_ring.pml):
//   once       a task is claimed by at most one worker, and never both claimed and revoked
//   no-lost    a worker never sleeps while its next slot is ready: publishing and the sleeping flag are one word;
//              the master never sleeps while an outcome is uncollected: the doorbell is a Dekker pair (below)
//   crash      if W dies, the slot claimed is exactly the task it was running (at most one), those ready were
//              never started, those done have a whole outcome
//   in-flight  M publishes at most `capacity` slots ahead of what it has collected, so no side waits for room
//
// Memory order: a transition that hands the payload over is a release by its writer, and pairs with the acquire
// of the reader's load or read-modify-write of the same word.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace plait::shm {

enum class SlotState : std::uint32_t { empty, parked, ready, claimed, done, revoked, skipped };

// What a slot carries. A worker writes it too, so the master checks it before use.
enum class Content : std::uint8_t { call, value, error, quit };

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

// "Something is to be collected": one word that many workers ring and one collector of the master sleeps on.
//
// Dekker pair: W stores `done` in a slot (seq_cst), then loads the bell (seq_cst). M stores `armed` in the bell
// (seq_cst), then loads the slots (seq_cst), then sleeps while the bell is armed. In the total order of these four
// either W sees `armed` and wakes, or M sees `done` and does not sleep.
class Doorbell {
 public:
  // Worker: after an outcome was published.
  void ring() noexcept;
  // Master: from now on outcomes ring. The caller must look at every lane once more before it sleeps.
  void arm() noexcept { word_.store(armed, std::memory_order_seq_cst); }
  // Master: somebody is looking at the lanes, ringing is not needed.
  void disarm() noexcept { word_.store(silent, std::memory_order_seq_cst); }
  // Master: sleeps until rung, or returns at once if not armed.
  void wait() noexcept;
  // Master: wakes the sleeper, whether armed or not, so that it looks at what is not in the lanes (a death, a stop).
  void wake() noexcept;

 private:
  static constexpr std::uint32_t silent = 0;
  static constexpr std::uint32_t armed = 1;
  alignas(64) std::atomic<std::uint32_t> word_{silent};
};

// The part in shared memory. Lives in the shared heap; the worker finds it by its address.
struct TaskRing {
  static constexpr std::uint64_t capacity = 256;  // a power of two

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
  explicit MasterEnd(TaskRing& ring) noexcept : ring_(&ring) {}

  [[nodiscard]] std::uint64_t in_flight() const noexcept { return published_ - collected_; }
  [[nodiscard]] bool full() const noexcept { return in_flight() == TaskRing::capacity; }
  [[nodiscard]] std::uint64_t next_position() const noexcept { return published_; }
  [[nodiscard]] std::uint64_t oldest_position() const noexcept { return collected_; }

  // The slot to fill before publish(). Requires !full().
  [[nodiscard]] Slot& next() noexcept { return slot(published_); }
  // Hands next() to the worker and wakes it if it sleeps.
  void publish() noexcept;
  // Takes back the task at `position` unless the worker has claimed it; true: it will never run in this worker.
  bool revoke(std::uint64_t position) noexcept;
  // State of the oldest slot not collected (acquire). Requires in_flight() > 0.
  [[nodiscard]] SlotState oldest_state() const noexcept {
    return ring_->slots[collected_ % TaskRing::capacity].state.load(std::memory_order_acquire);
  }
  // The same, ordered after the arming of the doorbell.
  [[nodiscard]] bool oldest_settled() const noexcept {
    const SlotState state = ring_->slots[collected_ % TaskRing::capacity].state.load(std::memory_order_seq_cst);
    return state == SlotState::done || state == SlotState::skipped;
  }
  // The outcome in the oldest slot; std::nullopt-like Payload{.data = nullptr, .size = 1} is never returned: throws
  // CorruptedLane when the worker wrote nonsense. Requires oldest_state() == done.
  [[nodiscard]] Payload outcome() const;
  // Frees the oldest slot for another task.
  void collect() noexcept;
  [[nodiscard]] Slot& slot(std::uint64_t position) noexcept { return ring_->slots[position % TaskRing::capacity]; }

 private:
  TaskRing* ring_;
  std::uint64_t published_ = 0;
  std::uint64_t collected_ = 0;
};

// The worker's end; one thread.
class WorkerEnd {
 public:
  explicit WorkerEnd(TaskRing& ring) noexcept : ring_(&ring) {}

  // Claims the next task if there is one; skips revoked ones. nullptr: nothing to do now.
  [[nodiscard]] Slot* try_claim() noexcept;
  // Sleeps until there may be something to claim.
  void park() noexcept;
  // Publishes the outcome that was written into the slot claimed last, and rings.
  void finish(Slot& slot) noexcept;

 private:
  TaskRing* ring_;
  std::uint64_t position_ = 0;
};

}  // namespace plait::shm
