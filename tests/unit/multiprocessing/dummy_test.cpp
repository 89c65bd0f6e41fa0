// SPDX-License-Identifier: Apache-2.0
// One program for processes and for threads, and what is only of threads.
#include "plait/multiprocessing/dummy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/multiprocessing.hpp"

#define PLAIT_EITHER OnProcesses
#define PLAIT_EITHER_NAMESPACE plait::multiprocessing
#include "either_program.hpp"

#define PLAIT_EITHER OnThreads
#define PLAIT_EITHER_NAMESPACE plait::multiprocessing::dummy
#include "either_program.hpp"

namespace plait::multiprocessing::dummy {
namespace {

using namespace std::chrono_literals;

TEST(Dummy, WhatThrowsInAProcessGoesToTheHookAndTheCodeIsZero) {
  testing::internal::CaptureStderr();
  Process process([] { throw std::runtime_error("lost"); });
  process.start();
  process.join();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("lost"));
  EXPECT_EQ(process.exitcode(), 0);
}

TEST(Dummy, ItemsAndMessagesNeedNotTravel) {
  int here = 0;
  Queue<std::unique_ptr<int>> queue;
  Process process([&here, queue] { here = *queue.get(); });
  process.start();
  queue.put(std::make_unique<int>(7));
  process.join();
  EXPECT_EQ(here, 7);
  auto [a, b] = Pipe<std::unique_ptr<int>>();
  a.send(std::make_unique<int>(8));
  EXPECT_EQ(*b.recv(), 8);
}

TEST(Dummy, ClosingAHandleOfAQueueLeavesTheOthers) {
  Queue<int> queue;
  const Queue<int> other = queue;
  queue.close();
  EXPECT_THROW(queue.put(1), ValueError);
  EXPECT_THROW((void)queue.get(), ValueError);
  EXPECT_THROW(other.join_thread(), AssertionError);
  other.put(1);
  EXPECT_EQ(other.get(), 1);
}

TEST(Dummy, PipesEndWithTheLastHandle) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  auto copy = sender;
  sender.close();
  copy.send(1);
  copy.close();
  EXPECT_TRUE(receiver.poll());
  EXPECT_EQ(receiver.recv(), 1);
  EXPECT_TRUE(receiver.poll()) << "the end of file";
  EXPECT_THROW((void)receiver.recv(), EOFError);
  EXPECT_THROW((void)sender.poll(), std::system_error);

  auto [one, two] = Pipe<int>();
  two.close();
  try {
    one.send(1);
    FAIL() << "nobody is there";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::broken_pipe);
  }
  EXPECT_THROW((void)receiver.recv_bytes(-1), ValueError);
}

TEST(Dummy, BytesOutOfRangeAreRefused) {
  auto [a, b] = Pipe();
  EXPECT_THROW(a.send_bytes("abc", 4), ValueError);
  EXPECT_THROW(a.send_bytes("abc", -1), ValueError);
  EXPECT_THROW(a.send_bytes("abc", 1, 3), ValueError);
  EXPECT_THROW(a.send_bytes("abc", 1, -1), ValueError);
  a.send_bytes("");
  EXPECT_EQ(b.recv_bytes(0), "");
  a.send_bytes("abc");
  EXPECT_THROW((void)b.recv_bytes(2), std::system_error);
  EXPECT_TRUE(b.closed());
}

TEST(Dummy, ConditionsOfALock) {
  Lock lock;
  Condition condition(lock);
  EXPECT_TRUE(condition.acquire());
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(condition.wait(1ms));
  condition.release();
  EXPECT_FALSE(lock.locked());
  EXPECT_THROW(condition.notify(), RuntimeError);
  EXPECT_THROW(lock.release(), RuntimeError);
}

TEST(Dummy, HandlesOfOneObjectAreEqual) {
  const Lock a, b;
  const Lock copy = a;  // NOLINT(performance-unnecessary-copy-initialization): that is what is tested
  EXPECT_EQ(a, copy);
  EXPECT_FALSE(a == b);
}

}  // namespace
}  // namespace plait::multiprocessing::dummy
