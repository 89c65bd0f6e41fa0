// SPDX-License-Identifier: Apache-2.0
// A stop that is requested ends a wait as a timeout does.
#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>

#include "conformance/beside.hpp"
#include "plait/queue.hpp"

namespace plait::queue {
namespace {

using namespace std::chrono_literals;

TEST(QueueStop, EndsABlockedGet) {
  Queue<int> queue;
  std::stop_source source;
  tests::Beside one([&] {
    EXPECT_THROW(queue.get({.timeout = source.get_token()}), Empty);
    return 0;
  });
  tests::Beside two([&] { return queue.try_get({1h, source.get_token()}); });
  one.await_sleep();
  two.await_sleep();
  source.request_stop();
  one.result();
  EXPECT_EQ(two.result(), std::nullopt);
  queue.put(1);
  EXPECT_EQ(queue.get(), 1) << "they have left nothing behind";
}

TEST(QueueStop, EndsABlockedPut) {
  Queue<int> queue(1);
  queue.put(1);
  std::stop_source source;
  tests::Beside one([&] {
    EXPECT_THROW(queue.put({.timeout = source.get_token()}, 2), Full);
    return 0;
  });
  tests::Beside two([&] { return queue.try_put(2, {1h, source.get_token()}); });
  one.await_sleep();
  two.await_sleep();
  source.request_stop();
  one.result();
  EXPECT_FALSE(two.result());
  EXPECT_EQ(queue.get(), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueStop, EndsABlockedJoin) {
  Queue<int> queue;
  queue.put(1);
  std::stop_source source;
  tests::Beside joiner([&] { return queue.join(source.get_token()); });
  joiner.await_sleep();
  source.request_stop();
  EXPECT_FALSE(joiner.result());
  queue.task_done();
  EXPECT_TRUE(queue.join(source.get_token()));
}

TEST(QueueStop, RequestedBeforeDoesNotKeepFromWhatIsThere) {
  Queue<int> queue(1);
  std::stop_source source;
  source.request_stop();
  const std::stop_token token = source.get_token();
  queue.put({.timeout = token}, 1);
  EXPECT_THROW(queue.put({.timeout = token}, 2), Full);
  EXPECT_EQ(queue.get({.timeout = token}), 1);
  EXPECT_THROW(queue.get({.timeout = token}), Empty);
}

TEST(QueueStop, EndsWithATimePoint) {
  Queue<int> queue(1);
  const auto time = std::chrono::steady_clock::now() + 20ms;
  EXPECT_THROW(queue.get({.timeout = time}), Empty);
  EXPECT_GE(std::chrono::steady_clock::now(), time);
  queue.put({.timeout = std::chrono::system_clock::now() + 1h}, 1);
  EXPECT_FALSE(queue.try_put(2, std::chrono::system_clock::now() + 1ms));
  EXPECT_EQ(queue.try_get(time), 1) << "one that has passed is no error";
  EXPECT_FALSE(queue.join(time));
}

TEST(QueueStop, EndsABlockedGetOfASimpleQueue) {
  SimpleQueue<int> queue;
  std::stop_source source;
  tests::Beside getter([&] {
    EXPECT_THROW(queue.get({.timeout = source.get_token()}), Empty);
    return 0;
  });
  getter.await_sleep();
  source.request_stop();
  getter.result();
}

}  // namespace
}  // namespace plait::queue
