// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a process pool and its workers share: plain memory of the shared heap, one block for the pool and one for
// each worker. Nothing here is a lock.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "shm/task_ring.hpp"

namespace plait::pool {

// How many workers of a pool may spin for their next task at a time; the others sleep. Who was busy last gets the seat,
// if need be from one that has been spinning for longer, because the pool gives the next task to the warmest. A seat
// holds the number of the worker in it, so the pool can free the seat of a worker that was killed there.
class WorkerSeats {
 public:
  static constexpr std::size_t max_seats = 8;

  explicit WorkerSeats(std::uint32_t seats) noexcept : seats_(std::min<std::uint32_t>(seats, max_seats)) {}

  // The seat in which `worker` may spin as long as holds() says so, until it calls leave(). None: no seats at all.
  std::optional<std::uint32_t> take(std::uint32_t worker) noexcept {
    if (seats_ == 0) return std::nullopt;
    for (std::uint32_t seat = 0; seat < seats_; ++seat) {
      std::uint32_t free = 0;
      // relaxed throughout: a seat guards no data, it only bounds how many spin
      if (taken_[seat].load(std::memory_order_relaxed) == 0 &&
          taken_[seat].compare_exchange_strong(free, worker, std::memory_order_relaxed)) {
        return seat;
      }
    }
    const std::uint32_t seat = worker % seats_;
    taken_[seat].store(worker, std::memory_order_relaxed);
    return seat;
  }
  [[nodiscard]] bool holds(std::uint32_t seat, std::uint32_t worker) const noexcept {
    return taken_[seat].load(std::memory_order_relaxed) == worker;
  }
  void leave(std::uint32_t worker) noexcept {
    for (std::atomic<std::uint32_t>& seat : taken_) {
      std::uint32_t mine = worker;
      if (seat.load(std::memory_order_relaxed) == worker) {
        seat.compare_exchange_strong(mine, 0, std::memory_order_relaxed);
      }
    }
  }

 private:
  std::uint32_t seats_;
  std::array<std::atomic<std::uint32_t>, max_seats> taken_{};
};

struct PoolBlock {
  explicit PoolBlock(std::uint32_t spinners) noexcept : seats(spinners) {}

  // A hint for workers, that a thread of the host waits for an outcome, and looks for it. Relaxed: it orders nothing.
  [[nodiscard]] bool somebody_helps() const noexcept { return helped.load(std::memory_order_relaxed); }
  void set_somebody_helps(bool helps) noexcept {
    if (somebody_helps() != helps) helped.store(helps, std::memory_order_relaxed);
  }

  shm::Doorbell bell;
  alignas(64) WorkerSeats seats;
  alignas(64) std::atomic<bool> helped{false};
};

struct WorkerBlock {
  PoolBlock* pool = nullptr;
  std::uint32_t owner = 0;  // the worker's number in the shared heap
  shm::TaskRing ring;
};

// The main function of a worker process: runs what comes through the block's ring until it is told to quit.
// `block` is the offset of its WorkerBlock in the shared heap.
void worker_main(std::uint64_t block);

}  // namespace plait::pool
