// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What one writes with the standard library alone.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace bench {

// maxsize 0: without bound.
class StdQueue {
 public:
  explicit StdQueue(std::size_t maxsize = 0) : maxsize_(maxsize) {}

  void put(int item) {
    {
      std::unique_lock held(mutex_);
      if (maxsize_ != 0) not_full_.wait(held, [this] { return items_.size() < maxsize_; });
      items_.push_back(item);
    }
    not_empty_.notify_one();
  }
  int get() {
    int item = 0;
    {
      std::unique_lock held(mutex_);
      not_empty_.wait(held, [this] { return !items_.empty(); });
      item = items_.front();
      items_.pop_front();
    }
    if (maxsize_ != 0) not_full_.notify_one();
    return item;
  }

 private:
  const std::size_t maxsize_;
  std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::deque<int> items_;
};

}  // namespace bench
