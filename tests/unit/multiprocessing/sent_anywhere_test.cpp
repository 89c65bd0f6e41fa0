// SPDX-License-Identifier: Apache-2.0
// Every kind of shared object as an item of a queue and as a message of a connection, to a process and back.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "plait/multiprocessing/connection.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "plait/multiprocessing/shared_memory.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/multiprocessing/synchronize.hpp"

namespace plait::multiprocessing {
namespace {

using namespace std::chrono_literals;

template <class T>
void return_items(Queue<T> in, Queue<T> out) {
  out.put(in.get());
}
template <class T>
void return_messages(Connection<T> connection) {
  connection.send(connection.recv());
}

// check(original, copy), with a copy that went to another process and back.
template <class T, class Check>
void there_and_back(const T& original, Check check) {
  const Queue<T> in, out;
  Process by_queue(&return_items<T>, in, out);
  by_queue.start();
  in.put(original);
  check(original, out.get());
  by_queue.join();
  EXPECT_EQ(by_queue.exitcode(), 0);

  auto [mine, theirs] = Pipe<T>();
  Process by_connection(&return_messages<T>, std::move(theirs));
  by_connection.start();
  mine.send(original);
  check(original, mine.recv());
  by_connection.join();
  EXPECT_EQ(by_connection.exitcode(), 0);
}

template <class L>
void check_lock(const L& original, const L& copy) {
  ASSERT_TRUE(original.acquire(false));
  EXPECT_TRUE(copy.locked());
  copy.release();
  EXPECT_FALSE(original.locked());
}
template <class S>
void check_semaphore(const S& original, const S& copy) {
  ASSERT_TRUE(original.acquire(false));
  EXPECT_FALSE(copy.acquire(false));
  copy.release();
}
template <class Q>
void check_queue(const Q& original, const Q& copy) {
  original.put(5);
  EXPECT_EQ(copy.get(), 5);
}

TEST(SentAnywhere, Locks) {
  there_and_back(Lock(), check_lock<Lock>);
  there_and_back(RLock(), check_lock<RLock>);
  there_and_back(Condition(), [](const Condition& original, const Condition& copy) {
    ASSERT_TRUE(original.acquire());
    copy.notify_all();
    EXPECT_FALSE(copy.wait(0s));
    copy.release();
  });
}

TEST(SentAnywhere, SemaphoresEventsBarriers) {
  there_and_back(Semaphore(1), check_semaphore<Semaphore>);
  there_and_back(BoundedSemaphore(1), check_semaphore<BoundedSemaphore>);
  there_and_back(Event(), [](const Event& original, const Event& copy) {
    copy.set();
    EXPECT_TRUE(original.is_set());
    original.clear();
  });
  there_and_back(Barrier(2), [](const Barrier& original, const Barrier& copy) {
    copy.abort();
    EXPECT_TRUE(original.broken());
    original.reset();
  });
}

TEST(SentAnywhere, Queues) {
  there_and_back(Queue<int>(), check_queue<Queue<int>>);
  there_and_back(SimpleQueue<int>(), check_queue<SimpleQueue<int>>);
  there_and_back(JoinableQueue<int>(), [](const JoinableQueue<int>& original, const JoinableQueue<int>& copy) {
    check_queue(original, copy);
    EXPECT_EQ(copy.unfinished_tasks(), 1U);
    copy.task_done();
    original.join();
  });
}

TEST(SentAnywhere, ValuesAndArrays) {
  const auto check = [](const auto& original, const auto& copy) {
    *copy = 7;
    EXPECT_EQ(*original, 7);
  };
  there_and_back(Value<int>(1), check);
  there_and_back(RawValue<int>(1), check);
  const auto check_array = [](const auto& original, const auto& copy) {
    copy[1] = 9;
    EXPECT_EQ(original[1], 9);
  };
  there_and_back(Array<int>({1, 2}), check_array);
  there_and_back(RawArray<int>({1, 2}), check_array);
}

TEST(SentAnywhere, NamedMemory) {
  const shared_memory::SharedMemory memory({.create = true, .size = 1});
  there_and_back(memory, [](const auto& original, const auto& copy) {
    copy.buf()[0] = std::byte{3};
    EXPECT_EQ(original.buf()[0], std::byte{3});
  });
  memory.unlink();
}

}  // namespace
}  // namespace plait::multiprocessing
