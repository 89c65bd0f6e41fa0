// SPDX-License-Identifier: Apache-2.0
// Many threads: every item comes out once, in order for each producer where there is one, whatever the calls.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/queue.hpp"

namespace plait::queue {
namespace {

using namespace std::chrono_literals;

constexpr int share = 2'000;  // of each producer

template <class T>
struct Numbers;
template <>
struct Numbers<int> {
  static int make(int number) { return number; }
  static int read(int item) { return item; }
};
template <>
struct Numbers<std::unique_ptr<int>> {
  static std::unique_ptr<int> make(int number) { return std::make_unique<int>(number); }
  static int read(const std::unique_ptr<int>& item) { return *item; }
};

// Puts by waiting, polling and timing out in turn.
template <class Q>
void put_somehow(Q& queue, typename Q::value_type item, int turn) {
  switch (turn % 4) {
    case 0:
      while (!queue.try_put(std::move(item))) std::this_thread::yield();
      return;
    case 1:
      while (!queue.try_put(std::move(item), 20us)) continue;
      return;
    default:
      queue.put(std::move(item));
  }
}

template <class Q>
std::optional<typename Q::value_type> get_somehow(Q& queue, int turn) {
  switch (turn % 4) {
    case 0:
      return queue.try_get();
    case 1:
      return queue.try_get(20us);
    case 2: {  // a stop that comes at any moment
      std::stop_source source;
      const std::jthread stopper([&] { source.request_stop(); });
      return queue.try_get(source.get_token());
    }
    default:
      return queue.get();
  }
}

template <class Q, bool is_fifo>
void run_stress(int maxsize, int producers, int consumers) {
  using Item = Numbers<typename Q::value_type>;
  Q queue(maxsize);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(producers * share));
  std::vector<std::thread> putters, getters;
  for (int producer = 0; producer < producers; ++producer) {
    putters.emplace_back([&, producer] {
      for (int i = 0; i < share; ++i) put_somehow(queue, Item::make(producer * share + i), i + producer);
    });
  }
  for (int consumer = 0; consumer < consumers; ++consumer) {
    getters.emplace_back([&, consumer] {
      std::vector<int> last(static_cast<std::size_t>(producers), -1);
      try {
        for (int turn = consumer;; ++turn) {
          // stops are dear
          const auto item = get_somehow(queue, turn % 4 == 2 && turn % 256 != 2 ? 3 : turn);
          if (!item) continue;
          const int number = Item::read(*item);
          seen[static_cast<std::size_t>(number)].fetch_add(1, std::memory_order_relaxed);
          int& before = last[static_cast<std::size_t>(number / share)];
          if (is_fifo && number <= before) ADD_FAILURE() << number << " came after " << before;
          before = number;
          queue.task_done();
        }
      } catch (const ShutDown&) {
        return;
      }
    });
  }
  for (std::thread& thread : putters) thread.join();
  queue.join();
  EXPECT_TRUE(queue.empty());
  queue.shutdown();
  for (std::thread& thread : getters) thread.join();
  for (const std::atomic<int>& count : seen) ASSERT_EQ(count.load(), 1);
}

template <class Q>
class QueueStress : public testing::Test {
 protected:
  static constexpr bool is_fifo = std::is_same_v<Q, Queue<int>> || std::is_same_v<Q, Queue<std::unique_ptr<int>>>;

  static void run(int maxsize) {
    for (const auto& [producers, consumers] : {std::pair{1, 1}, {3, 3}, {1, 4}, {4, 1}}) {
      run_stress<Q, is_fifo>(maxsize, producers, consumers);
    }
  }
};
using Queues = testing::Types<Queue<int>, Queue<std::unique_ptr<int>>, LifoQueue<int>, PriorityQueue<int>>;
TYPED_TEST_SUITE(QueueStress, Queues);

TYPED_TEST(QueueStress, Unbounded) { this->run(0); }
TYPED_TEST(QueueStress, OfOne) { this->run(1); }
TYPED_TEST(QueueStress, OfThree) { this->run(3); }
TYPED_TEST(QueueStress, Of100) { this->run(100); }

}  // namespace
}  // namespace plait::queue
