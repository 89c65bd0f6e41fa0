// SPDX-License-Identifier: Apache-2.0
// What the children of a killed process, whom the kernel kills with it, held of shared objects.
#include <sys/resource.h>

#include <string>

#include "shared_objects.hpp"

namespace plait::faults {

class FaultOrphans : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultOrphans, "forkserver", "spawn", "fork");

// Has a child do it, or a child of a child …
template <auto f, class... Args>
void at_generation(int generation, std::string method, Args... args) {
  const mp::Process::Options options{.context = mp::get_context(method)};
  if (generation == 1) {
    mp::Process(options, f, args...).start();
  } else {
    mp::Process(options, &at_generation<f, Args...>, generation - 1, method, args...).start();
  }
  mp::Event().wait();
}

TEST_P(FaultOrphans, LocksThatTheyHeldAreAbandoned) {
  for (const int generation : {1, 2, 3}) {
    const mp::Lock lock;
    const mp::Event held;
    mp::Process first =
        process(&at_generation<&hold_for_ever, mp::Lock, mp::Event>, generation, GetParam(), lock, held);
    first.start();
    held.wait();
    EXPECT_FALSE(lock.acquire(false));
    kill(first);
    EXPECT_THROW(lock.acquire(), mp::AbandonedLockError) << generation;
    EXPECT_TRUE(lock.acquire(false));
    lock.release();
  }
}

TEST_P(FaultOrphans, WhatTheyHadInHandIsFreed) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<std::string> queue;
    const mp::Event got;
    queue.put(std::string(4'000'000, 'x'));
    mp::Process first =
        process(&at_generation<&get_one_and_wait, mp::Queue<std::string>, mp::Event>, 2, GetParam(), queue, got);
    first.start();
    got.wait();
    kill(first);
  }
  EXPECT_TRUE(is_back_at(before));
}

// Who watches them is told of their death by a descriptor; there may be none.
TEST_P(FaultOrphans, AreWatchedAsSoonAsThereIsADescriptor) {
  const mp::Lock lock;
  const mp::Event held;
  mp::Process first = process(&at_generation<&hold_for_ever, mp::Lock, mp::Event>, 1, GetParam(), lock, held);
  first.start();
  held.wait();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  first.kill();
  first.join();  // its end is told: that does not wait for the orphan's
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THROW(lock.acquire(), mp::AbandonedLockError);
}

void leave_a_daemon_behind(mp::Lock lock, mp::Event held, std::string method) {
  static mp::Process daemon({.daemon = true, .context = mp::get_context(method)}, hold_for_ever, lock, held);
  daemon.start();
  held.wait();
}

TEST_P(FaultOrphans, ThoseOfWhoEndsByItselfAreDeathsToo) {
  const mp::Lock lock;
  mp::Process first = process(leave_a_daemon_behind, lock, mp::Event(), GetParam());
  first.start();
  first.join();
  EXPECT_EQ(first.exitcode(), 0);
  EXPECT_THROW(lock.acquire(), mp::AbandonedLockError);
}

void start_and_start(mp::Lock lock, mp::Semaphore started, std::string method) {
  for (;;) {
    mp::Process child(
        {.context = mp::get_context(method)}, [](mp::Lock its) { its.acquire(), its.release(); }, lock);
    child.start();
    started.release();
    child.join();
  }
}

// At any time: while a process is being started, too.
TEST_P(FaultOrphans, OfWhoWasKilledWhileItStartedThem) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Lock lock;
    for (int i = 0; i < 20; ++i) {
      const mp::Semaphore started(0);
      mp::Process first = process(start_and_start, lock, started, GetParam());
      first.start();
      for (int j = 0; j < i % 4; ++j) started.acquire();
      kill(first);
      bool abandoned = false;
      EXPECT_TRUE(lock.acquire({.abandoned = &abandoned}));
      lock.release();
    }
  }
  // Objects that were on their way to a process that did not begin stay until the family ends.
  constexpr std::size_t a_few_objects = std::size_t{64} << 10;
  EXPECT_TRUE(is_back_at(before + a_few_objects));
}

}  // namespace plait::faults
