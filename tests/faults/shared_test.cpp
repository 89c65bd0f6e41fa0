// SPDX-License-Identifier: Apache-2.0
// The objects that processes share when one of these dies: the rows Q1 to Q6 and S1 of the fault list, and what design
// promises of locks, conditions, barriers.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conformance/process_beside.hpp"
#include "fault_test.hpp"
#include "plait/multiprocessing/pool.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "shared_objects.hpp"

namespace plait::faults {

namespace mp = multiprocessing;
using namespace std::chrono_literals;

// ---- what the processes do

void hold_twice_for_ever(mp::RLock lock, mp::Event held) {
  lock.acquire();
  lock.acquire();
  held.set();
  mp::Event().wait();
}
void wait_at_condition(mp::Condition condition, mp::Semaphore waits, mp::Semaphore woken) {
  const std::scoped_lock held(condition);
  waits.release();
  condition.wait();
  woken.release();
}
constexpr auto wait_at_barrier = [](const mp::Barrier& barrier) {
  try {
    return barrier.wait();
  } catch (const mp::BrokenBarrierError&) {
    return -1;
  }
};
void wait_at_barrier_alone(mp::Barrier barrier) { wait_at_barrier(barrier); }
void take_permit(mp::Semaphore semaphore, mp::Semaphore taken) {
  semaphore.acquire();
  taken.release();
}
void put_large(mp::Queue<std::string> queue, int count) {
  for (int i = 0; i < count; ++i) queue.put(std::string(100'000, static_cast<char>('a' + i)));
}
void put_numbers(mp::Queue<int> queue, int from, int to) {
  for (int i = from; i < to; ++i) queue.put(i);
}
void get_for_ever(mp::Queue<int> queue, mp::Semaphore got) {
  for (;;) {
    queue.get();
    got.release();
  }
}
void make_and_send(mp::Queue<mp::RawArray<double>> arrays) {
  arrays.put(mp::RawArray<double>(std::vector<double>{1, 2, 3}));
  mp::Event().wait();
}

// ---- locks

class FaultLock : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultLock, "forkserver", "spawn", "fork");

TEST_P(FaultLock, NextOneIsToldThatTheOwnerDied) {
  const mp::Lock lock;
  const mp::Event held;
  mp::Process owner = process(hold_for_ever, lock, held);
  owner.start();
  held.wait();
  EXPECT_FALSE(lock.acquire(false));
  kill(owner);
  EXPECT_TRUE(lock.locked());
  EXPECT_THROW(lock.acquire(), mp::AbandonedLockError);
  EXPECT_FALSE(lock.locked()) << "told once, and not held";
  EXPECT_TRUE(lock.acquire(false));
  lock.release();
}

TEST_P(FaultLock, NextOneMayTakeItAsItIs) {
  const mp::RLock lock;
  const mp::Event held;
  mp::Process owner = process(hold_twice_for_ever, lock, held);
  owner.start();
  held.wait();
  kill(owner);
  bool abandoned = false;
  EXPECT_TRUE(lock.acquire({.timeout = T, .abandoned = &abandoned}));
  EXPECT_TRUE(abandoned);
  abandoned = false;
  EXPECT_TRUE(lock.acquire({.abandoned = &abandoned})) << "it is recursive";
  EXPECT_FALSE(abandoned);
  lock.release();
  lock.release();
  EXPECT_THROW(lock.release(), AssertionError) << "its depth was that of the new owner";
}

TEST_P(FaultLock, ASleepingWaiterIsToldAndTheOthersGoOn) {
  const mp::Lock lock;
  const mp::Event held;
  mp::Process owner = process(hold_for_ever, lock, held);
  owner.start();
  held.wait();
  const auto wait = [](const mp::Lock& its) {
    try {
      return its.acquire(), its.release(), 0;
    } catch (const mp::AbandonedLockError&) {
      return 1;
    }
  };
  tests::ProcessBeside<int> one(wait, lock);
  tests::ProcessBeside<int> two(wait, lock);
  one.await_sleep();
  two.await_sleep();
  kill(owner);
  EXPECT_EQ(one.result() + two.result(), 1) << "one is told";
}

TEST_P(FaultLock, AnExitWithTheLockIsADeathToo) {
  const mp::Lock lock;
  mp::Process owner = process([](mp::Lock its) { its.acquire(); }, lock);
  owner.start();
  owner.join();
  EXPECT_THROW(lock.acquire(), mp::AbandonedLockError);
}

TEST_P(FaultLock, AWaiterThatIsKilledTakesNobodysWakeUp) {
  const mp::Lock lock;
  for (int round = 0; round < 20; ++round) {
    bool of_the_last_victim = false;
    EXPECT_TRUE(lock.acquire({.abandoned = &of_the_last_victim}));
    const mp::Event unused;
    mp::Process victim = process(hold_for_ever, lock, unused);
    victim.start();
    tests::ProcessBeside<bool> other(
        [](const mp::Lock& its) {
          bool abandoned = false;
          EXPECT_TRUE(its.acquire({.abandoned = &abandoned}));
          its.release();
          return true;
        },
        lock);
    other.await_sleep();
    lock.release();  // either may be the one that is woken
    kill(victim);
    EXPECT_TRUE(other.result());
  }
}

// ---- tasks

class FaultTasks : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultTasks, "forkserver", "spawn", "fork");

void get_two_finish_one(mp::JoinableQueue<int> queue, mp::Event got) {
  queue.get();
  queue.get();
  queue.task_done();
  got.set();
  mp::Event().wait();
}

TEST_P(FaultTasks, JoinDoesNotWaitForTheDead) {
  const mp::JoinableQueue<int> queue;
  for (int i = 0; i < 3; ++i) queue.put(i);
  const mp::Event got;
  mp::Process worker = process(get_two_finish_one, queue, got);
  worker.start();
  got.wait();
  tests::ProcessBeside<bool> joins([](const mp::JoinableQueue<int>& its) { return its.join(), true; }, queue);
  joins.await_sleep();
  EXPECT_EQ(queue.unfinished_tasks(), 2U);
  kill(worker);
  EXPECT_EQ(queue.unfinished_tasks(), 1U) << "the one that is there";
  queue.get();
  EXPECT_FALSE(joins.is_over());
  queue.task_done();
  EXPECT_TRUE(joins.result());
  EXPECT_THROW(queue.task_done(), ValueError);
}

void get_and_leave(mp::JoinableQueue<int> queue) { queue.get(); }
void get_and_exit(mp::JoinableQueue<int> queue, int code) {
  queue.get();
  std::exit(code);
}
void get_and_fail(mp::JoinableQueue<int> queue) {
  queue.get();
  throw std::runtime_error("as it should");
}

TEST_P(FaultTasks, NorForThoseWhoFailed) {
  const mp::JoinableQueue<int> queue;
  for (int i = 0; i < 5; ++i) {
    std::array workers{process(get_and_exit, queue, 3), process(get_and_fail, queue)};
    for (mp::Process& worker : workers) {
      queue.put(i);
      worker.start();
      worker.join();
      queue.join();
    }
  }
}

TEST_P(FaultTasks, OfThoseWhoEndedWellOthersMayFinish) {
  const mp::JoinableQueue<int> queue;
  for (int i = 0; i < 5; ++i) {
    std::array workers{process(get_and_leave, queue), process(get_and_exit, queue, 0)};
    for (mp::Process& worker : workers) {
      queue.put(i);
      worker.start();
      worker.join();
      EXPECT_EQ(worker.exitcode(), 0);
      EXPECT_EQ(queue.unfinished_tasks(), 1U);
      EXPECT_FALSE(queue.join(0s));
      queue.task_done();
      EXPECT_THROW(queue.task_done(), ValueError);
      queue.join();
    }
  }
}

int get_one(mp::JoinableQueue<int> queue) { return queue.get(); }

TEST_P(FaultTasks, GotByWorkersThatAreReplacedOthersMayFinish) {
  const mp::JoinableQueue<int> queue;
  constexpr int tasks = 20;
  for (int i = 0; i < tasks; ++i) queue.put(i);
  {
    mp::Pool pool({.processes = 1, .maxtasksperchild = 1, .context = mp::get_context(GetParam())});
    for (int i = 0; i < tasks / 2; ++i) {
      EXPECT_EQ(pool.apply(get_one, queue), i);
      queue.task_done();
    }
    pool.close();
    pool.join();
  }
  EXPECT_EQ(queue.unfinished_tasks(), static_cast<std::size_t>(tasks / 2));
  for (int i = 0; i < tasks / 2; ++i) {
    queue.get();
    queue.task_done();
  }
  queue.join();
  EXPECT_THROW(queue.task_done(), ValueError);
}

// ---- conditions, barriers, semaphores

class FaultCondition : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultCondition, "forkserver", "fork");

TEST_P(FaultCondition, AKilledWaiterHangsNobody) {
  const mp::Condition condition;
  const mp::Semaphore waits(0), woken(0);
  mp::Process victim = process(wait_at_condition, condition, waits, woken);
  mp::Process other = process(wait_at_condition, condition, waits, woken);
  victim.start();
  waits.acquire();
  { const std::scoped_lock it_waits(condition); }
  other.start();
  waits.acquire();
  { const std::scoped_lock it_waits(condition); }
  kill(victim);
  {
    const std::scoped_lock held(condition);
    condition.notify();
  }
  EXPECT_TRUE(woken.acquire(T)) << "the dead one was first in the line, but got nothing";
  other.join();
  EXPECT_EQ(other.exitcode(), 0);
  const std::scoped_lock held(condition);
  condition.notify_all();
}

TEST_P(FaultCondition, ANotificationOfTheDeadIsPassedOn) {
  const mp::Condition condition;
  const mp::Semaphore waits(0), woken(0);
  mp::Process victim = process(wait_at_condition, condition, waits, woken);
  mp::Process other = process(wait_at_condition, condition, waits, woken);
  for (mp::Process* waiter : {&victim, &other}) {
    waiter->start();
    waits.acquire();
    const std::scoped_lock it_waits(condition);
  }
  {
    const std::scoped_lock held(condition);
    condition.notify();
    kill(victim);  // before it can have the lock
  }
  EXPECT_TRUE(woken.acquire(T));
  other.join();
}

class FaultBarrier : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultBarrier, "forkserver", "fork");

TEST_P(FaultBarrier, AKilledWaiterBreaksIt) {
  const mp::Barrier barrier(3);
  mp::Process victim = process(wait_at_barrier_alone, barrier);
  victim.start();
  while (barrier.n_waiting() < 1) std::this_thread::yield();
  tests::ProcessBeside<int> other(wait_at_barrier, barrier);
  while (barrier.n_waiting() < 2) std::this_thread::yield();
  kill(victim);
  EXPECT_EQ(other.result(), -1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
  barrier.reset();
  tests::ProcessBeside<int> first(wait_at_barrier, barrier), second(wait_at_barrier, barrier);
  EXPECT_GE(barrier.wait(), 0);
  EXPECT_GE(first.result() + second.result(), 0);
}

TEST_P(FaultBarrier, ADeathInTheActionBreaksIt) {
  const mp::Barrier barrier({.action = [] { ::raise(SIGKILL); }}, 2);
  tests::ProcessBeside<int> waiter(wait_at_barrier, barrier);
  while (barrier.n_waiting() < 1) std::this_thread::yield();
  mp::Process victim = process(wait_at_barrier_alone, barrier);
  victim.start();
  victim.join();
  EXPECT_EQ(victim.exitcode(), -SIGKILL);
  EXPECT_EQ(waiter.result(), -1);
}

TEST_P(FaultBarrier, ADeathElsewhereDoesNotBreakIt) {
  const mp::Barrier barrier(2);
  mp::Process bystander = process([](mp::Barrier) { mp::Event().wait(); }, barrier);
  bystander.start();
  tests::ProcessBeside<int> waiter(wait_at_barrier, barrier);
  while (barrier.n_waiting() < 1) std::this_thread::yield();
  kill(bystander);
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(waiter.result(), 0);
}

class FaultSemaphore : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultSemaphore, "forkserver", "fork");

TEST_P(FaultSemaphore, AKilledWaiterTakesNobodysWakeUp) {
  for (int round = 0; round < 20; ++round) {
    const mp::Semaphore semaphore(0), taken(0);
    mp::Process victim = process(take_permit, semaphore, taken);
    mp::Process other = process(take_permit, semaphore, taken);
    victim.start();
    other.start();
    semaphore.release();
    kill(victim);
    if (!taken.acquire(50ms))
      semaphore.release();  // the dead one had taken it
    else if (other.is_alive())
      semaphore.release();
    other.join();
    EXPECT_EQ(other.exitcode(), 0);
  }
}

// ---- queues

class FaultQueue : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultQueue, "forkserver", "spawn", "fork");

TEST_P(FaultQueue, Q1ItemsOutliveTheirProducer) {
  const mp::Queue<std::string> queue;
  mp::Process producer = process(put_large, queue, 5);
  producer.start();
  producer.join();  // first
  EXPECT_EQ(producer.exitcode(), 0);
  for (char c : {'a', 'b', 'c', 'd', 'e'}) EXPECT_EQ(queue.get({.timeout = T}), std::string(100'000, c));
  EXPECT_TRUE(queue.empty());
}

TEST_P(FaultQueue, Q4WhatWasPutIsThere) {
  const mp::Queue<int> queue;
  for (int round = 0; round < 3; ++round) {
    mp::Process producer = process(put_numbers, queue, 0, 1000);
    producer.start();
    producer.join();
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(queue.get_nowait(), i);
  }
}

TEST_P(FaultQueue, Q5AllWakeWithShutDownThoughOneDies) {
  const mp::Queue<int> full(1), empty;
  full.put(1);
  const auto get = [](const mp::Queue<int>& queue) {
    try {
      return queue.get();
    } catch (const queue::ShutDown&) {
      return -1;
    }
  };
  const auto put = [](const mp::Queue<int>& queue) {
    try {
      return queue.put(2), 0;
    } catch (const queue::ShutDown&) {
      return -1;
    }
  };
  mp::Process victim = process(get_for_ever, empty, mp::Semaphore(0));
  victim.start();
  tests::ProcessBeside<int> getter(get, empty), putter(put, full);
  getter.await_sleep();
  putter.await_sleep();
  kill(victim);
  empty.shutdown();
  full.shutdown();
  EXPECT_EQ(getter.result(), -1);
  EXPECT_EQ(putter.result(), -1);
}

TEST_P(FaultQueue, Q6CapacityIsNotLostWithAConsumer) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<std::string> queue(2);
    const mp::Event got;
    for (int round = 0; round < 3; ++round) {
      got.clear();
      queue.put(std::string(100'000, 'x'));
      queue.put(std::string(10, 'y'));
      EXPECT_TRUE(queue.full());
      mp::Process consumer = process(get_one_and_wait, queue, got);
      consumer.start();
      got.wait();
      kill(consumer);
      EXPECT_EQ(queue.qsize(), 1U);
      queue.put_nowait("z");
      EXPECT_TRUE(queue.full());
      EXPECT_EQ(queue.get(), std::string(10, 'y'));
      EXPECT_EQ(queue.get(), "z");
    }
  }
  EXPECT_TRUE(is_back_at(before)) << "with the queue all its memory is gone";
}

// Producers and consumers are killed all the time. No item comes twice, order holds, and a death costs one at most.
TEST_P(FaultQueue, Q2NobodyWaitsForTheDead) {
  const int deaths_wanted = soak() ? 2000 : 30;
  const mp::Queue<std::pair<int, int>> queue(50);
  const mp::Queue<std::pair<int, int>> passed_on;
  const auto produce = [](mp::Queue<std::pair<int, int>> to, int producer) {
    for (int i = 0;; ++i) to.put({producer, i});
  };
  const auto pass_on = [](mp::Queue<std::pair<int, int>> from, mp::Queue<std::pair<int, int>> to) {
    for (;;) to.put(from.get());
  };
  std::vector<mp::Process> producers, consumers;
  int names = 0;
  const auto new_producer = [&] {
    mp::Process made = process(produce, queue, names++);
    made.start();
    return made;
  };
  const auto new_consumer = [&] {
    mp::Process made = process(pass_on, queue, passed_on);
    made.start();
    return made;
  };
  for (int i = 0; i < 2; ++i) {
    producers.push_back(new_producer());
    consumers.push_back(new_consumer());
  }
  std::map<int, std::vector<bool>> seen;
  const auto check = [&seen](std::pair<int, int> item) {
    std::vector<bool>& of_one = seen[item.first];
    const auto index = static_cast<std::size_t>(item.second);
    if (of_one.size() <= index) of_one.resize(index + 1);
    EXPECT_FALSE(of_one[index]) << "item " << item.second << " of producer " << item.first << " came twice";
    of_one[index] = true;
  };
  for (int deaths = 0; deaths < deaths_wanted; ++deaths) {
    for (int i = 0; i < 300; ++i) check(passed_on.get({.timeout = 10 * T}));  // it goes on
    const bool of_producers = deaths % 2 == 0;
    mp::Process& victim = (of_producers ? producers : consumers)[static_cast<std::size_t>(deaths / 2 % 2)];
    kill(victim);
    victim = of_producers ? new_producer() : new_consumer();
  }
  for (mp::Process& producer : producers) kill(producer);
  while (queue.qsize() > 0) check(passed_on.get({.timeout = 10 * T}));
  for (mp::Process& consumer : consumers) kill(consumer);
  while (auto item = passed_on.try_get()) check(*item);
  int missing = 0;
  for (const auto& [producer, items] : seen) missing += static_cast<int>(std::ranges::count(items, false));
  EXPECT_LE(missing, deaths_wanted / 2 + 2) << "a consumer's death costs the item in its hands";
}

TEST_P(FaultQueue, Q3AStoppedPutterDelaysNobodyBeyondTheDeadline) {
  const mp::Queue<int> queue(1);
  queue.put(0);
  mp::Process putter = process(put_numbers, queue, 1, 1'000'000);
  putter.start();
  for (int i = 0; i < 100; ++i) static_cast<void>(queue.get({.timeout = T}));
  ::kill(*putter.pid(), SIGSTOP);
  static_cast<void>(queue.try_get());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) static_cast<void>(queue.try_get(20ms));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, T);
  ::kill(*putter.pid(), SIGCONT);
  EXPECT_GT(queue.get({.timeout = T}), 0);
  kill(putter);
}

// ---- memory

class FaultS1 : public SharedObjects {};
PLAIT_OVER_START_METHODS(FaultS1, "forkserver", "spawn", "fork");

TEST_P(FaultS1, WhatTheDeadCreatedIsThereUntilTheLastHandleGoes) {
  const std::size_t before = bytes_in_use();
  {
    const mp::Queue<mp::RawArray<double>> arrays;
    mp::Process creator = process(make_and_send, arrays);
    creator.start();
    const mp::RawArray<double> array = arrays.get({.timeout = 10 * T});
    kill(creator);
    EXPECT_EQ(array.size(), 3U);
    EXPECT_EQ(array.at(-1), 3);
    array[0] = 7;
    tests::ProcessBeside<double> other([](const mp::RawArray<double>& its) { return its[0]; }, array);
    EXPECT_EQ(other.result(), 7);
  }
  EXPECT_TRUE(is_back_at(before));
}

}  // namespace plait::faults
