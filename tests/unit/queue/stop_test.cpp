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
