// SPDX-License-Identifier: Apache-2.0
#include "shm/task_ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <memory>
#include <new>
#include <random>
#include <thread>

#include "unit/shm/child.hpp"

namespace plait::shm {
namespace {

using namespace tests;

// A ring in the program's heap, as a pool has it.
class SharedRing {
 public:
  SharedRing() : block_(new(Heap::get().allocate(sizeof(Block))) Block) { block_->ring.bell = &block_->bell; }
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;
  ~SharedRing() { Heap::get().deallocate(block_); }
  TaskRing& ring() noexcept { return block_->ring; }
  Doorbell& bell() noexcept { return block_->bell; }

 private:
  struct Block {
    Doorbell bell;
    TaskRing ring;
  };
  Block* block_;
};

void write_number(Slot& slot, Content content, std::uint64_t number) {
  slot.content = content;
  slot.inline_size = sizeof number;
  std::memcpy(slot.bytes, &number, sizeof number);
}

std::uint64_t number_in(const void* bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

void publish(MasterEnd& master, std::uint64_t number, Content content = Content::call) {
  write_number(master.next(), content, number);
  master.publish();
}

TEST(TaskRing, ATaskComesBackInItsSlot) {
  SharedRing shared;
  MasterEnd master(shared.ring());
  WorkerEnd worker(shared.ring());
  EXPECT_EQ(worker.try_claim(), nullptr);
  publish(master, 7);
  EXPECT_EQ(master.in_flight(), 1U);
  EXPECT_EQ(master.oldest_state(), SlotState::ready);

  Slot* const slot = worker.try_claim();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(number_in(slot->bytes), 7U);
  EXPECT_EQ(master.oldest_state(), SlotState::claimed);
  EXPECT_FALSE(master.oldest_settled());
  write_number(*slot, Content::value, 49);
  worker.finish(*slot);
  EXPECT_TRUE(master.oldest_settled());

  const Payload outcome = master.outcome();
  EXPECT_EQ(outcome.content, Content::value);
  EXPECT_EQ(outcome.size, sizeof(std::uint64_t));
  EXPECT_EQ(outcome.block, 0U);
  EXPECT_EQ(number_in(outcome.data), 49U);
  master.collect();
  EXPECT_EQ(master.in_flight(), 0U);
}

TEST(TaskRing, IsFullWithOneSlotLeftForTheWorkerToParkAt) {
  SharedRing shared;
  MasterEnd master(shared.ring());
  WorkerEnd worker(shared.ring());
  for (int lap = 0; lap < 5; ++lap) {
    for (std::uint64_t i = 0; i < TaskRing::most_in_flight; ++i) {
      ASSERT_FALSE(master.full());
      publish(master, i);
    }
    ASSERT_TRUE(master.full());
    for (std::uint64_t i = 0; i < TaskRing::most_in_flight; ++i) {
      Slot* const slot = worker.try_claim();
      ASSERT_NE(slot, nullptr);
      ASSERT_EQ(number_in(slot->bytes), i);
      worker.finish(*slot);
    }
    EXPECT_EQ(worker.try_claim(), nullptr);
    EXPECT_EQ(master.slot(master.next_position()).state, SlotState::empty);
    while (master.in_flight() > 0) master.collect();
  }
}

TEST(TaskRing, ARevokedTaskIsSkippedAndAClaimedOneCannotBeRevoked) {
  SharedRing shared;
  MasterEnd master(shared.ring());
  WorkerEnd worker(shared.ring());
  for (std::uint64_t i = 0; i < 4; ++i) publish(master, i);
  Slot* const first = worker.try_claim();
  EXPECT_FALSE(master.revoke(0));
  EXPECT_TRUE(master.revoke(1));
  EXPECT_TRUE(master.revoke(2));
  EXPECT_FALSE(master.revoke(2));
  worker.finish(*first);
  EXPECT_FALSE(master.revoke(0));

  Slot* const last = worker.try_claim();
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(number_in(last->bytes), 3U);
  EXPECT_EQ(master.oldest_state(), SlotState::done);
  master.collect();
  EXPECT_EQ(master.oldest_state(), SlotState::skipped);
  EXPECT_TRUE(master.oldest_settled());
  master.collect();
  EXPECT_EQ(master.oldest_state(), SlotState::skipped);
  master.collect();
  EXPECT_EQ(master.oldest_state(), SlotState::claimed);
}

TEST(TaskRing, OutcomesInBlocksAreFound) {
  SharedRing shared;
  MasterEnd master(shared.ring(), Heap::root);
  WorkerEnd worker(shared.ring());
  publish(master, 1);
  Slot* const slot = worker.try_claim();
  void* const block = Heap::get().allocate(1000);
  slot->content = Content::error;
  slot->inline_size = Slot::in_block;
  slot->block = {Heap::get().offset_of(block), 1000};
  worker.finish(*slot);
  const Payload outcome = master.outcome();
  EXPECT_EQ(outcome.content, Content::error);
  EXPECT_EQ(outcome.data, block);
  EXPECT_EQ(outcome.size, 1000U);
  EXPECT_EQ(outcome.block, Heap::get().offset_of(block));
  Heap::get().deallocate(block);
}

TEST(TaskRing, NonsenseOfAWorkerThrowsCorruptedLane) {
  SharedRing shared;
  MasterEnd master(shared.ring(), 77);
  WorkerEnd worker(shared.ring());
  publish(master, 1);
  Slot& slot = *worker.try_claim();
  worker.finish(slot);
  const auto expect_corrupted = [&](Content content, std::uint8_t inline_size, Slot::Block block) {
    slot.content = content;
    slot.inline_size = inline_size;
    slot.block = block;
    EXPECT_THROW(static_cast<void>(master.outcome()), CorruptedLane);
  };
  expect_corrupted(Content::call, 8, {});
  expect_corrupted(Content::quit, 8, {});
  expect_corrupted(static_cast<Content>(200), 8, {});
  expect_corrupted(Content::value, Slot::inline_capacity + 1, {});
  expect_corrupted(Content::value, 254, {});
  expect_corrupted(Content::value, Slot::in_block, {0, 1});
  expect_corrupted(Content::value, Slot::in_block, {~std::uint64_t{0}, ~std::uint64_t{0}});
  expect_corrupted(Content::value, Slot::in_block, {std::uint64_t{1} << 50, 10});
  void* const block = Heap::get().allocate(1000);
  const Offset at = Heap::get().offset_of(block);
  expect_corrupted(Content::value, Slot::in_block, {at, 2000});
  expect_corrupted(Content::value, Slot::in_block, {at, 1000});  // the root's, not the worker's
  EXPECT_EQ(MasterEnd(shared.ring()).outcome().size, 1000U);
  Heap::get().deallocate(block);
}

TEST(Doorbell, ReturnsAtOnceWhenNotArmedOrRungBefore) {
  Doorbell bell;
  bell.wait();
  bell.arm();
  bell.ring();
  bell.wait();
  bell.arm();
  bell.disarm();
  bell.wait();
  bell.arm();
  bell.wake();
  bell.wait();
}

// ---- streams: bursts of random length, so that both sides go to sleep and are woken again and again ---------------

void run_worker(TaskRing& ring) {
  WorkerEnd worker(ring);
  for (;;) {
    Slot* slot = worker.try_claim();
    if (slot == nullptr) {
      worker.park();
      continue;
    }
    if (slot->content == Content::quit) return worker.finish(*slot);
    write_number(*slot, Content::value, 3 * number_in(slot->bytes));
    worker.finish(*slot);
  }
}

struct StreamCounts {
  std::uint64_t done = 0;
  std::uint64_t skipped = 0;
  std::uint64_t sleeps = 0;
};

// Sends `messages` and a quit, revokes some, and checks that each is settled exactly once, in order.
StreamCounts run_master(SharedRing& shared, std::uint64_t messages, std::uint64_t seed) {
  MasterEnd master(shared.ring());
  std::mt19937_64 random(seed);
  StreamCounts counts;
  std::deque<std::uint64_t> revoked;
  std::uint64_t sent = 0;
  const auto collect = [&] {
    while (master.in_flight() > 0 && master.oldest_settled()) {
      const std::uint64_t position = master.oldest_position();
      const bool was_revoked = !revoked.empty() && revoked.front() == position;
      if (was_revoked) revoked.pop_front();
      if (master.oldest_state() == SlotState::skipped) {
        EXPECT_TRUE(was_revoked);
        ++counts.skipped;
      } else {
        EXPECT_FALSE(was_revoked);
        const Payload outcome = master.outcome();
        if (outcome.content == Content::value) {
          EXPECT_EQ(number_in(outcome.data), 3 * position);
          ++counts.done;
        }
      }
      master.collect();
    }
  };
  while (sent < messages) {
    std::uint64_t burst = 1 + random() % (random() % 8 == 0 ? 3 : 2 * TaskRing::capacity);
    for (burst = std::min(burst, messages - sent); burst > 0; --burst) {
      while (master.full()) {
        collect();
        if (master.full()) std::this_thread::yield();
      }
      publish(master, sent);
      if (random() % 16 == 0 && master.revoke(sent)) revoked.push_back(sent);
      ++sent;
    }
    // Until all is there: as a collector does.
    for (;;) {
      collect();
      if (master.in_flight() == 0) break;
      shared.bell().arm();
      if (master.oldest_settled()) {
        shared.bell().disarm();
        continue;
      }
      ++counts.sleeps;
      shared.bell().wait();
    }
  }
  publish(master, 0, Content::quit);
  return counts;
}

void expect_complete(const StreamCounts& counts, std::uint64_t messages) {
  EXPECT_EQ(counts.done + counts.skipped, messages);
  EXPECT_GT(counts.done, messages / 2);
  EXPECT_GT(counts.sleeps, 0U);
}

TEST(TaskRing, NoWakeUpIsLostBetweenThreads) {
#ifdef PLAIT_TESTS_TSAN
  constexpr std::uint64_t messages = 100'000;
#else
  constexpr std::uint64_t messages = 1'000'000;
#endif
  SharedRing shared;
  std::thread worker([&] { run_worker(shared.ring()); });
  const StreamCounts counts = run_master(shared, messages, test_seed());
  worker.join();
  expect_complete(counts, messages);
}

TEST(TaskRing, NoWakeUpIsLostBetweenProcesses) {
  SKIP_FORKS_UNDER_TSAN();
  const std::uint64_t messages = soak() ? 100'000'000 : 3'000'000;
  SharedRing shared;
  const pid_t child = fork_child([&] {
    run_worker(shared.ring());
    return 0;
  });
  const StreamCounts counts = run_master(shared, messages, test_seed());
  EXPECT_TRUE(exited_with(wait_for(child), 0));
  expect_complete(counts, messages);
}

// Nothing but wake-ups: one message at a time, each side asleep before the other writes, or about to be.
TEST(TaskRing, NoWakeUpIsLostInPingPong) {
  SharedRing shared;
  std::thread worker([&] { run_worker(shared.ring()); });
  MasterEnd master(shared.ring());
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    publish(master, i);
    for (;;) {
      shared.bell().arm();
      if (master.oldest_settled()) break;
      shared.bell().wait();
    }
    shared.bell().disarm();
    ASSERT_EQ(number_in(master.outcome().data), 3 * i);
    master.collect();
  }
  publish(master, 0, Content::quit);
  worker.join();
}

}  // namespace
}  // namespace plait::shm
