// SPDX-License-Identifier: Apache-2.0
#include <stdio_ext.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <span>

#include "os/fork_generation.hpp"
#include "os/kill_point.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/spin.hpp"
#include "plait/detail/wire/call.hpp"
#include "plait/detail/wire/exception.hpp"
#include "pool/task_lull.hpp"
#include "pool/worker_block.hpp"
#include "shm/message_block.hpp"

namespace plait::pool {
namespace {

using shm::Content;
using shm::Heap;
using shm::Slot;

// Where the outcome of one task goes: into its slot, or into a block of the heap that the slot names.
class SlotOutcome final : public wire::Invocation {
 public:
  explicit SlotOutcome(Slot& slot) noexcept : slot_(slot) {}
  SlotOutcome(const SlotOutcome&) = delete;
  SlotOutcome& operator=(const SlotOutcome&) = delete;
  ~SlotOutcome() { discard(); }

  wire::MessageRoom result_space(const wire::MessageSize& size) override {
    end_if_forked();
    discard();
    size_ = size.bytes;
    PLAIT_KILL_POINT("pool.outcome.sized");
    if (size_ <= Slot::inline_capacity && size.handles == 0) return {{slot_.bytes, size_}, {}};
    block_ = shm::allocate_message(size_, size.handles);
    return {{static_cast<std::byte*>(block_), size_}, shm::handles_in(block_, size_)};
  }

  void publish(Content content) noexcept {
    PLAIT_KILL_POINT("pool.outcome.written");
    slot_.content = content;
    if (block_ == nullptr) {
      slot_.inline_size = static_cast<std::uint8_t>(size_);
      return;
    }
    slot_.inline_size = Slot::in_block;
    slot_.block = {Heap::get().offset_of(block_), size_};
    block_ = nullptr;
  }

 private:
  void discard() noexcept {
    shm::free_message(block_, size_);
    block_ = nullptr;
  }

  // The lane and the task are the worker's: a process that the task has forked ends, should it come back from it.
  void end_if_forked() const noexcept {
    if (os::fork_generation() == generation_) return;
    os::flush_output();
    os::write_text(STDERR_FILENO, "plait: a task has forked, and the child returned from it; it ends here\n");
    os::exit_now(1);
  }

  Slot& slot_;
  void* block_ = nullptr;
  std::size_t size_ = 0;
  const std::uint64_t generation_ = os::fork_generation();
};

void report(SlotOutcome& outcome, const std::exception_ptr& error) {
  const auto put = [&outcome](const std::exception_ptr& what) {
    const std::vector<std::byte> bytes = wire::encode_exception(what);
    std::ranges::copy(bytes, outcome.result_space({bytes.size()}).bytes.begin());
    outcome.publish(Content::error);
  };
  try {
    put(error);
  } catch (...) {  // no room for the report itself, or a serializer of the exception threw: say that instead
    put(std::current_exception());
  }
}

void run_task(Slot& slot) {
  // The outcome may be written over the call, so an inline call is moved aside. One copy of at most 120 bytes.
  alignas(16) std::byte local[Slot::inline_capacity];
  std::span<const std::byte> call;
  std::span<std::uint64_t> handles;
  if (slot.inline_size == Slot::in_block) {
    void* const block = Heap::get().at(slot.block.offset);
    call = {static_cast<const std::byte*>(block), slot.block.size};
    handles = shm::handles_in(block, slot.block.size);
  } else {
    std::memcpy(local, slot.bytes, slot.inline_size);
    call = {local, slot.inline_size};
  }
  SlotOutcome outcome(slot);
  try {
    wire::run_call(call, handles, outcome);
    outcome.publish(Content::value);
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    if (error == nullptr) throw;  // no exception but pthread_exit in a task: the worker is to end
    report(outcome, error);
  }
}

void flush_output() noexcept {
  if (__fpending(stdout) != 0) std::fflush(stdout);
  try {
    std::cout.flush();
  } catch (...) {  // a stream set to throw: its error is the task's business, not ours
  }
}

// Waits for a task: spins as long as that has paid lately, on one of the pool's seats, then sleeps.
class TaskWaiter {
 public:
  TaskWaiter(WorkerBlock& block, shm::WorkerEnd& lane) noexcept : block_(block), lane_(lane) {}

  Slot& next() {
    Slot& slot = find_next();
    lull_.count_task();
    return slot;
  }

 private:
  Slot& find_next() {
    if (Slot* slot = lane_.try_claim()) return *slot;
    flush_output();
    const auto begin = os::SpinBudget::Clock::now();
    if (Slot* slot = spin()) return *slot;
    for (;;) {
      lane_.park();
      if (Slot* slot = lane_.try_claim()) {
        budget_.woke_after(os::SpinBudget::Clock::now() - begin);
        return *slot;
      }
    }
  }

  Slot* spin() noexcept {
    PoolBlock& pool = *block_.pool;
    WorkerSeats& seats = pool.seats;
    const auto seat = seats.take(block_.owner);
    if (!seat) return nullptr;
    PLAIT_KILL_POINT("pool.seat.taken");
    lull_.wait([&] { return pool.somebody_helps() || !seats.holds(*seat, block_.owner); });
    Slot* slot = nullptr;
    budget_.spin([&] { return (slot = lane_.try_claim()) != nullptr || !seats.holds(*seat, block_.owner); });
    seats.leave(block_.owner);
    return slot;
  }

  WorkerBlock& block_;
  shm::WorkerEnd& lane_;
  os::SpinBudget budget_;
  TaskLull lull_;
};

}  // namespace

void worker_main(std::uint64_t block_offset) {
  auto& block = *static_cast<WorkerBlock*>(Heap::get().at(block_offset));
  shm::WorkerEnd lane(block.ring);
  TaskWaiter waiter(block, lane);
  for (;;) {
    Slot& slot = waiter.next();
    if (slot.content == Content::quit) {
      if (slot.inline_size != 0) run_task(slot);  // nobody looks at the outcome
      return;
    }
    const bool needed = slot.content == Content::initialize;
    run_task(slot);
    const bool failed = slot.content == Content::error;
    lane.finish(slot);
    if (needed && failed) return;
  }
}

}  // namespace plait::pool
