// SPDX-License-Identifier: Apache-2.0
// A queue may be destroyed as soon as a call has returned that tells that another one is past its effect.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "plait/queue.hpp"

namespace plait::queue {
namespace {

constexpr int rounds = 1'000;

// The other thread, given a queue each round, calls `there`; this one calls `here` and destroys it.
template <class Q, class There, class Here>
void run_rounds(There there, Here here) {
  std::atomic<Q*> given{nullptr};
  std::thread other([&] {
    for (int round = 0; round < rounds; ++round) {
      Q* queue = nullptr;
      while ((queue = given.exchange(nullptr)) == nullptr) std::this_thread::yield();
      there(*queue);
    }
  });
  for (int round = 0; round < rounds; ++round) {
    auto queue = std::make_unique<Q>();
    given = queue.get();
    here(*queue);
    queue.reset();
  }
  other.join();
}

template <class Q>
class QueueLifetime : public testing::Test {};
using Queues =
    testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>, SimpleQueue<int>, SimpleQueue<std::string>>;
TYPED_TEST_SUITE(QueueLifetime, Queues);

TYPED_TEST(QueueLifetime, EndsWithTheGetOfItsItem) {
  run_rounds<TypeParam>([](auto& queue) { queue.put(typename TypeParam::value_type()); },
                        [](auto& queue) { static_cast<void>(queue.get()); });
}

TYPED_TEST(QueueLifetime, EndsWithAPollThatFindsItsItem) {
  run_rounds<TypeParam>([](auto& queue) { queue.put(typename TypeParam::value_type()); },
                        [](auto& queue) {
                          while (!queue.try_get()) std::this_thread::yield();
                        });
}

template <class Q>
class TaskQueueLifetime : public testing::Test {};
using TaskQueues = testing::Types<Queue<int>, LifoQueue<int>>;
TYPED_TEST_SUITE(TaskQueueLifetime, TaskQueues);

TYPED_TEST(TaskQueueLifetime, EndsWithTheJoinOfItsTask) {
  run_rounds<TypeParam>(
      [](auto& queue) {
        static_cast<void>(queue.get());
        queue.task_done();
      },
      [](auto& queue) {
        queue.put(1);
        queue.join();
      });
}

TYPED_TEST(TaskQueueLifetime, EndsWithTheShutdownThatIsSeenByGet) {
  run_rounds<TypeParam>([](auto& queue) { queue.shutdown(); },
                        [](auto& queue) { EXPECT_THROW(queue.get(), ShutDown); });
}

TYPED_TEST(TaskQueueLifetime, EndsWithTheShutdownThatIsSeenByPut) {
  run_rounds<TypeParam>([](auto& queue) { queue.shutdown(true); },
                        [](auto& queue) {
                          try {
                            for (;; std::this_thread::yield()) queue.put(1);
                          } catch (const ShutDown&) {
                            return;
                          }
                        });
}

TYPED_TEST(TaskQueueLifetime, EndsWithTheShutdownThatIsSeenBeforeATimeoutIsRefused) {
  run_rounds<TypeParam>([](auto& queue) { queue.shutdown(); },
                        [](auto& queue) {
                          for (bool open = true; open; std::this_thread::yield()) {
                            try {
                              static_cast<void>(queue.get({.timeout = std::chrono::seconds(-1)}));
                            } catch (const ValueError&) {
                            } catch (const ShutDown&) {
                              open = false;
                            }
                          }
                        });
}

}  // namespace
}  // namespace plait::queue
