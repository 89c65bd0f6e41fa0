// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/tbb/concurrent_queue.h>

#include <cstdint>

namespace bench {

class TbbQueue {
 public:
  explicit TbbQueue(std::int64_t maxsize = 0) {
    if (maxsize != 0) queue_.set_capacity(maxsize);
  }
  void put(int item) { queue_.push(item); }
  int get() {
    int item = 0;
    queue_.pop(item);
    return item;
  }

 private:
  oneapi::tbb::concurrent_bounded_queue<int> queue_;
};

}  // namespace bench
