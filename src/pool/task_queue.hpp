// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The queue of a thread pool: first in, first out, linked through the tasks themselves, so that it allocates nothing
// and has no limit. Any thread pushes, by one exchange; those who pop take turns by a spinlock, for some ten
// nanoseconds.
//
// It is Vyukov's intrusive queue. A push is in two steps: become the newest (exchange), then be linked from the one
// before. Between the two, and only then, pop() may find nothing although empty() is false; the pusher looks for
// sleeping workers after both, so it is safe to sleep on that.

#include <sched.h>

#include <atomic>

#include "os/spin.hpp"
#include "plait/detail/local_task.hpp"
#include "plait/detail/ref.hpp"

namespace plait::pool {

class TaskQueue {
 public:
  using Link = detail::QueueLink;
  using Task = detail::LocalTask;

  TaskQueue() = default;
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  ~TaskQueue() {
    while (pop()) {
    }
  }

  // Adds a reference of its own.
  void push(Task& task) noexcept {
    task.retain();
    push_link(&task);
  }

  // The oldest task; nullptr: there is none, or its push is not complete.
  detail::Ref<Task> pop() noexcept {
    lock();
    Link* taken = take_oldest();
    unlock();
    return detail::Ref<Task>::adopt(static_cast<Task*>(taken));
  }

  // seq_cst, as the exchange in push: of two threads, one that pushes and then looks who sleeps, and one that says it
  // sleeps and then asks here, at least one sees the other.
  [[nodiscard]] bool empty() const noexcept {
    return newest_.load(std::memory_order_seq_cst) == &stub_ && oldest_.load(std::memory_order_relaxed) == &stub_;
  }

 private:
  void push_link(Link* link) noexcept {
    link->next.store(nullptr, std::memory_order_relaxed);
    Link* before = newest_.exchange(link, std::memory_order_seq_cst);
    // release: the task's contents are seen by who takes it (acquire in next_of)
    before->next.store(link, std::memory_order_release);
  }

  static Link* next_of(const Link* link) noexcept { return link->next.load(std::memory_order_acquire); }

  // Under the lock. The oldest link can be taken only when there is a newer one, for it is where a push links its own;
  // so the last task is followed up with the stub.
  Link* take_oldest() noexcept {
    Link* oldest = oldest_.load(std::memory_order_relaxed);
    if (oldest == &stub_) {
      oldest = next_of(&stub_);
      if (oldest == nullptr) return nullptr;
      oldest_.store(oldest, std::memory_order_relaxed);
    }
    Link* next = next_of(oldest);
    if (next == nullptr && newest_.load(std::memory_order_acquire) == oldest) {
      push_link(&stub_);
      next = next_of(oldest);
    }
    if (next == nullptr) return nullptr;
    oldest_.store(next, std::memory_order_relaxed);
    return oldest;
  }

  void lock() noexcept {
    for (int looks = 0; locked_.exchange(true, std::memory_order_acquire);) {
      while (locked_.load(std::memory_order_relaxed)) {
        os::cpu_relax();
        if (++looks % 64 == 0) sched_yield();
      }
    }
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

  static constexpr std::size_t line = 64;
  alignas(line) std::atomic<Link*> newest_{&stub_};  // written by those who push
  alignas(line) std::atomic<Link*> oldest_{&stub_};  // guarded by locked_; read without it by empty()
  std::atomic<bool> locked_{false};
  Link stub_;
};

}  // namespace plait::pool
