// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The pool's side of one worker process: its lane, and which task is where in it. Guarded by the pool's mutex.

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "plait/detail/remote_task.hpp"
#include "pool/task_list.hpp"
#include "pool/worker_block.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"
#include "shm/task_ring.hpp"

namespace plait::pool {

class Worker {
 public:
  using Task = detail::RemoteTask;
  enum class Sent : std::uint8_t { nothing, task, birth, initializer, quit };

  // Throws OutOfSharedMemory.
  Worker(PoolBlock& pool, shm::OwnerId owner)
      : block_(new(shm::Heap::get().allocate(sizeof(WorkerBlock))) WorkerBlock), lane(block_->ring, owner) {
    block_->pool = &pool;
    block_->owner = owner;
    block_->ring.bell = &pool.bell;
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // The process has ended, or was never started.
  ~Worker() { shm::Heap::get().deallocate(block_); }

  [[nodiscard]] shm::OwnerId owner() const noexcept { return block_->owner; }
  [[nodiscard]] std::uint64_t argument() const noexcept { return shm::Heap::get().offset_of(block_); }
  [[nodiscard]] bool idle() const noexcept { return lane.in_flight() == 0; }
  // Idle, and the next task must wake it.
  [[nodiscard]] bool sleeps() noexcept {
    return lane.next().state.load(std::memory_order_relaxed) == shm::SlotState::parked;  // a hint, orders nothing
  }
  // Tasks in the lane, the running one included.
  [[nodiscard]] std::uint64_t tasks_held() const noexcept { return tasks_held_; }
  // Takes tasks; `depth` bounds how many. A slot is kept for the order to quit.
  [[nodiscard]] bool has_room(std::uint64_t depth) const noexcept {
    return !retiring && tasks_held_ < depth && lane.in_flight() < shm::TaskRing::most_in_flight - 1;
  }

  // Puts bytes into the next slot and hands it over. `task` may be null: what was sent is not a task.
  void send(Sent kind, Task* task, const detail::Message& call) noexcept {
    shm::Slot& slot = lane.next();
    slot.content = content_of(kind);
    if (call.block() != nullptr) {
      slot.inline_size = shm::Slot::in_block;
      slot.block = {shm::Heap::get().offset_of(call.block()), call.size()};
    } else {
      slot.inline_size = static_cast<std::uint8_t>(call.size());
      call.copy_to_slot(slot.bytes);
    }
    sent(lane.next_position()) = {kind, task};
    if (kind == Sent::task) ++tasks_held_;
    lane.publish();
  }

  static_assert(detail::Message::inline_capacity <= detail::Message::slot_capacity &&
                    detail::Message::slot_capacity == shm::Slot::inline_capacity,
                "what lies in a message fits into a slot");
  static constexpr shm::Content content_of(Sent kind) noexcept {
    if (kind == Sent::quit) return shm::Content::quit;
    return kind == Sent::task ? shm::Content::call : shm::Content::initialize;
  }

  // When its oldest task was looked at for the first time.
  std::chrono::steady_clock::time_point seen_busy_since(std::chrono::steady_clock::time_point now) noexcept {
    if (seen_position_ != lane.oldest_position()) {
      seen_position_ = lane.oldest_position();
      seen_at_ = now;
    }
    return seen_at_;
  }

  struct Record {
    Sent kind = Sent::nothing;
    Task* task = nullptr;  // owned: one reference
  };
  [[nodiscard]] Record& sent(std::uint64_t position) noexcept { return records_[position % shm::TaskRing::capacity]; }
  // The task at `position`, which is no longer this worker's.
  detail::Ref<Task> take(std::uint64_t position) noexcept {
    Record& record = sent(position);
    if (std::exchange(record.kind, Sent::nothing) == Sent::task) --tasks_held_;
    return detail::Ref<Task>::adopt(std::exchange(record.task, nullptr));
  }

 private:
  WorkerBlock* block_;

 public:
  shm::MasterEnd lane;
  std::shared_ptr<process::Child> child;
  detail::Message birth;        // what it is told first
  detail::Message initializer;  // empty: the pool's
  std::uint64_t given = 0;      // tasks sent, for max_tasks_per_child
  std::uint64_t completed = 0;  // outcomes of tasks collected
  bool retiring = false;        // told to quit, or being killed
  std::chrono::steady_clock::time_point last_collected = std::chrono::steady_clock::now();
  bool was_left_idle = true;  // by the last visit that brought outcomes
  std::chrono::steady_clock::duration time_per_task = std::chrono::seconds(1);  // at most, between the last two visits

 private:
  std::uint64_t tasks_held_ = 0;
  std::uint64_t seen_position_ = std::numeric_limits<std::uint64_t>::max();
  std::chrono::steady_clock::time_point seen_at_;
  std::array<Record, shm::TaskRing::capacity> records_{};
};

}  // namespace plait::pool
