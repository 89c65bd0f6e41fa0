// SPDX-License-Identifier: Apache-2.0
//
// A process is killed at every step that it takes in the shared heap and in its lane; the others must find everything
// in order. Built with PLAIT_TEST_HOOKS from the sources themselves, apart from the library.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <new>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "os/kill_point.hpp"
#include "shm/heap.hpp"
#include "shm/task_ring.hpp"
#include "unit/shm/child.hpp"

namespace plait::shm {
namespace {

using namespace tests;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

int steps_left = 0;  // of the child, until its death

void kill_at_last_step(const char*) noexcept {
  if (--steps_left == 0) raise(SIGKILL);
}

// Calls attempt(step) for step 1, 2, … each of which is to fork a child that begins with die_at(step), and to return
// the child's status. Ends when a child came through alive.
void die_at(int step) {
  steps_left = step;
  os::kill_point_hook = kill_at_last_step;
}

template <class Attempt>
int sweep(Attempt attempt) {
  for (int step = 1;; ++step) {
    SCOPED_TRACE("killed at step " + std::to_string(step));
    const int status = attempt(step);
    if (exited_with(status, 0)) return step - 1;
    EXPECT_TRUE(killed_by(status, SIGKILL));
    if (testing::Test::HasFailure()) return step;
  }
}

// That the heap is whole: nothing is in use, all of it can be allocated, and all memory can be returned.
void expect_whole(Heap& heap) {
  EXPECT_EQ(heap.bytes_in_use(), 0U);
  for (const std::size_t size : {100 * kib, 5 * mib}) {
    std::vector<void*> blocks;
    try {
      for (;;) blocks.push_back(heap.allocate(size));
    } catch (const OutOfSharedMemory&) {
      EXPECT_GT(blocks.size() * size, heap.size() / 2);
    }
    for (void* block : blocks) heap.deallocate(block);
  }
  heap.trim();
  EXPECT_EQ(heap.bytes_in_use(), 0U);
  EXPECT_LT(heap.bytes_committed(), 2 * mib);
}

TEST(KillSweep, AllocateAndFree) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(32 * mib);
  const int steps = sweep([&](int step) {
    void* const small = heap.allocate(1000);
    void* const large = heap.allocate(3 * mib);
    const OwnerId owner = heap.new_owner();
    const int status = wait_for(fork_child([&] {
      heap.enter_child(owner);
      die_at(step);
      std::vector<void*> blocks;
      for (int i = 0; i < 150; ++i) blocks.push_back(heap.allocate(1000));      // several refills, and growth
      for (int i = 0; i < 10; ++i) blocks.push_back(heap.allocate(200 * kib));  // several chunks
      blocks.push_back(heap.allocate(mib + 1));
      blocks.push_back(heap.allocate(2 * mib));
      heap.deallocate(small);
      heap.deallocate(large);
      for (void* block : blocks) heap.deallocate(block);
      static_cast<void>(heap.allocate(100));
      static_cast<void>(heap.allocate(4 * mib));  // over what was freed
      heap.trim();
      return 0;
    }));
    heap.reclaim(owner);
    heap.deallocate(small);  // unless the child came to it
    heap.deallocate(large);
    expect_whole(heap);
    return status;
  });
  EXPECT_GT(steps, 100);
  RecordProperty("steps", steps);
}

TEST(KillSweep, Reclaim) {
  SKIP_FORKS_UNDER_TSAN();
  Heap heap(32 * mib);
  const int steps = sweep([&](int step) {
    const OwnerId dead = heap.new_owner();
    wait_for(fork_child([&] {
      heap.enter_child(dead);
      for (int i = 0; i < 100; ++i) static_cast<void>(heap.allocate(1000));
      static_cast<void>(heap.allocate(3 * mib));
      die_at(8);
      static_cast<void>(heap.allocate(6 * mib));
      return 0;
    }));
    const OwnerId owner = heap.new_owner();
    const int status = wait_for(fork_child([&] {
      heap.enter_child(owner);
      die_at(step);
      heap.reclaim(dead);
      return 0;
    }));
    heap.reclaim(owner);
    heap.reclaim(dead);
    expect_whole(heap);
    return status;
  });
  EXPECT_GT(steps, 10);
  RecordProperty("steps", steps);
}

// ---- lanes --------------------------------------------------------------------------------------------------------

struct Lane {
  Doorbell bell;
  TaskRing ring;
  std::array<std::atomic<std::uint32_t>, TaskRing::capacity> started{};

  Lane() { ring.bell = &bell; }
};

constexpr std::size_t outcome_size(std::uint64_t task) {
  constexpr std::array<std::size_t, 4> sizes{8, 500, 300 * kib, 100};
  return sizes[task % sizes.size()];
}

unsigned char outcome_byte(std::uint64_t task, std::size_t at) { return static_cast<unsigned char>(task * 7 + at); }

void write_outcome(Heap& heap, Slot& slot, std::uint64_t task) {
  const std::size_t size = outcome_size(task);
  auto* bytes = reinterpret_cast<unsigned char*>(slot.bytes);
  const bool fits = size <= Slot::inline_capacity;
  if (!fits) bytes = static_cast<unsigned char*>(heap.allocate(size));
  for (std::size_t at = 0; at < size; ++at) bytes[at] = outcome_byte(task, at);
  slot.content = Content::value;
  slot.inline_size = fits ? static_cast<std::uint8_t>(size) : Slot::in_block;
  if (!fits) slot.block = {heap.offset_of(bytes), size};
}

bool is_outcome_of(const Payload& payload, std::uint64_t task) {
  if (payload.content != Content::value || payload.size != outcome_size(task)) return false;
  for (std::size_t at = 0; at < payload.size; ++at) {
    if (static_cast<unsigned char>(payload.data[at]) != outcome_byte(task, at)) return false;
  }
  return true;
}

int run_tasks(Heap& heap, Lane& lane) {
  WorkerEnd worker(lane.ring);
  for (;;) {
    Slot* const slot = worker.try_claim();
    if (slot == nullptr) {
      worker.park();
      continue;
    }
    std::uint64_t task = 0;
    std::memcpy(&task, slot->bytes, sizeof task);
    if (slot->content == Content::quit) return 0;
    ++lane.started[task % TaskRing::capacity];
    write_outcome(heap, *slot, task);
    worker.finish(*slot);
  }
}

void send(MasterEnd& master, std::uint64_t task, Content content = Content::call) {
  Slot& slot = master.next();
  slot.content = content;
  slot.inline_size = sizeof task;
  std::memcpy(slot.bytes, &task, sizeof task);
  master.publish();
}

// What the lane of a dead worker says must be what happened. Takes the outcomes, frees their blocks.
void expect_exact_account(Heap& heap, Lane& lane, MasterEnd& master, OwnerId owner) {
  int claimed = 0;
  bool past_claimed = false;
  for (; master.in_flight() > 0; master.collect()) {
    const std::uint64_t task = master.oldest_position();
    Slot& slot = master.slot(task);
    if (slot.content == Content::quit) continue;
    const std::uint32_t started = lane.started[task % TaskRing::capacity].exchange(0);
    switch (master.oldest_state()) {
      case SlotState::done: {
        EXPECT_FALSE(past_claimed);
        EXPECT_EQ(started, 1U);
        const Payload payload = master.outcome();
        EXPECT_TRUE(is_outcome_of(payload, task)) << "task " << task;
        if (payload.block != 0) {
          heap.adopt(heap.at(payload.block));
          heap.deallocate(heap.at(payload.block));
        }
        break;
      }
      case SlotState::claimed:
        EXPECT_EQ(++claimed, 1);
        EXPECT_LE(started, 1U);
        past_claimed = true;
        break;
      case SlotState::skipped:
        EXPECT_FALSE(past_claimed);
        EXPECT_EQ(started, 0U);
        break;
      case SlotState::ready:
      case SlotState::revoked:
        past_claimed = true;
        EXPECT_EQ(started, 0U);
        break;
      default:
        ADD_FAILURE() << "a published slot is " << static_cast<unsigned>(master.oldest_state());
    }
  }
  heap.reclaim(owner);
}

TEST(KillSweep, TasksInALane) {
  SKIP_FORKS_UNDER_TSAN();
  Heap& heap = Heap::get();
  const std::size_t baseline = heap.bytes_in_use();
  const int steps = sweep([&](int step) {
    void* const memory = heap.allocate(sizeof(Lane));
    Lane& lane = *new (memory) Lane;
    MasterEnd master(lane.ring, 0);
    for (std::uint64_t task = 0; task < 9; ++task) send(master, task);
    EXPECT_TRUE(master.revoke(3));
    EXPECT_TRUE(master.revoke(8));
    send(master, 9, Content::quit);
    const OwnerId owner = heap.new_owner();
    const pid_t worker = fork_child([&] {
      heap.enter_child(owner);
      die_at(step);
      return run_tasks(heap, lane);
    });
    const int status = wait_for(worker);
    expect_exact_account(heap, lane, master, owner);
    heap.deallocate(memory);
    EXPECT_EQ(heap.bytes_in_use(), baseline);
    return status;
  });
  EXPECT_GT(steps, 40);
  RecordProperty("steps", steps);
}

// The worker dies parked, or while it wakes the master: who supervises wakes the master, and sends nothing to the dead.
TEST(KillSweep, ParkingAndRinging) {
  SKIP_FORKS_UNDER_TSAN();
  Heap& heap = Heap::get();
  const std::size_t baseline = heap.bytes_in_use();
  const int steps = sweep([&](int step) {
    void* const memory = heap.allocate(sizeof(Lane));
    Lane& lane = *new (memory) Lane;
    MasterEnd master(lane.ring, 0);
    const OwnerId owner = heap.new_owner();
    const pid_t worker = fork_child([&] {
      heap.enter_child(owner);
      die_at(step);
      return run_tasks(heap, lane);
    });
    std::atomic<bool> dead{false};
    int status = 0;
    std::thread supervisor([&] {
      status = wait_for(worker);
      dead = true;
      lane.bell.wake();
    });
    for (std::uint64_t task = 0; task < 6 && !dead; ++task) {
      send(master, task);
      for (;;) {
        lane.bell.arm();
        if (dead || master.oldest_settled()) break;
        lane.bell.wait();
      }
      if (!master.oldest_settled()) break;
      lane.started[task] = 0;
      const Payload payload = master.outcome();
      EXPECT_TRUE(is_outcome_of(payload, task));
      heap.deallocate(payload.block != 0 ? heap.at(payload.block) : nullptr);
      master.collect();
    }
    send(master, 0, Content::quit);
    supervisor.join();
    expect_exact_account(heap, lane, master, owner);
    heap.deallocate(memory);
    EXPECT_EQ(heap.bytes_in_use(), baseline);
    return status;
  });
  EXPECT_GT(steps, 20);
  RecordProperty("steps", steps);
}

// ---- at random times ----------------------------------------------------------------------------------------------

// Two workers run tasks at full speed; now and then one is killed in the midst of it, and replaced.
TEST(KillSweep, AtRandomTimes) {
  SKIP_FORKS_UNDER_TSAN();
  const int kills = soak() ? 20'000 : 1'500;
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("PLAIT_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  Heap& heap = Heap::get();
  const std::size_t baseline = heap.bytes_in_use();

  class Worker {
   public:
    explicit Worker(Heap& heap) : heap_(heap), lane_(*new(heap.allocate(sizeof(Lane))) Lane), master_(lane_.ring) {
      owner_ = heap_.new_owner();
      master_ = MasterEnd(lane_.ring, owner_);
      pid_ = fork_child([this] {
        heap_.enter_child(owner_);
        return run_tasks(heap_, lane_);
      });
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
      kill(pid_, SIGKILL);
      EXPECT_TRUE(killed_by(wait_for(pid_), SIGKILL));
      expect_exact_account(heap_, lane_, master_, owner_);
      heap_.deallocate(&lane_);
    }
    void feed_and_collect(std::mt19937_64& random) {
      while (master_.in_flight() < 20) {
        send(master_, master_.next_position());
        const std::uint64_t position = master_.next_position() - 1;
        if (random() % 16 == 0) static_cast<void>(master_.revoke(position));
      }
      for (; master_.in_flight() > 0 && master_.oldest_settled(); master_.collect()) {
        const std::uint64_t task = master_.oldest_position();
        const std::uint32_t started = lane_.started[task % TaskRing::capacity].exchange(0);
        const bool done = master_.oldest_state() == SlotState::done;
        ASSERT_EQ(started, done ? 1U : 0U);
        if (!done) continue;
        const Payload payload = master_.outcome();
        ASSERT_TRUE(is_outcome_of(payload, task));
        heap_.deallocate(payload.block != 0 ? heap_.at(payload.block) : nullptr);
      }
    }

   private:
    Heap& heap_;
    Lane& lane_;
    MasterEnd master_;
    OwnerId owner_ = 0;
    pid_t pid_ = -1;
  };

  std::array<std::unique_ptr<Worker>, 2> workers;
  for (int killed = 0; killed < kills && !HasFailure(); ++killed) {
    std::unique_ptr<Worker>& victim = workers[random() % workers.size()];
    victim.reset();
    victim = std::make_unique<Worker>(heap);
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 2000);
    do {
      for (const std::unique_ptr<Worker>& worker : workers) {
        if (worker != nullptr) worker->feed_and_collect(random);
      }
      std::this_thread::yield();
    } while (std::chrono::steady_clock::now() < end);
  }
  for (std::unique_ptr<Worker>& worker : workers) worker.reset();
  EXPECT_EQ(heap.bytes_in_use(), baseline);
  heap.trim();
  EXPECT_LT(heap.bytes_committed(), 16 * mib);
}

}  // namespace
}  // namespace plait::shm
