// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Without bound, and with a first-in first-out order for each producer only.

#include <concurrentqueue/blockingconcurrentqueue.h>

namespace bench {

class MoodycamelQueue {
 public:
  void put(int item) { queue_.enqueue(item); }
  int get() {
    int item = 0;
    queue_.wait_dequeue(item);
    return item;
  }

 private:
  moodycamel::BlockingConcurrentQueue<int> queue_;
};

}  // namespace bench
