// SPDX-License-Identifier: Apache-2.0
#include "conformance/queue_suite.hpp"
#include "plait/queue.hpp"

namespace plait::queue {
namespace {

struct Threads {
  template <class F, class Q, class... Args>
  static auto beside(F function, Q& queue, Args... args) {
    return tests::Beside([function, &queue, args...] { return function(queue, args...); });
  }
};
struct FifoThreads : Threads {
  template <class T>
  using Queue = queue::Queue<T>;
  using Order = Fifo;
};
struct LifoThreads : Threads {
  template <class T>
  using Queue = LifoQueue<T>;
  using Order = Lifo;
};
struct PriorityThreads : Threads {
  template <class T>
  using Queue = PriorityQueue<T>;
  using Order = Lowest;
};

using All = testing::Types<FifoThreads, LifoThreads, PriorityThreads>;
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, QueueSuite, All);
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, ThreadQueueSuite, All);

}  // namespace
}  // namespace plait::queue
