// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Queue: Python's queue.Queue, first in, first out, between threads.

#include <cstdint>

#include "plait/detail/block_list.hpp"
#include "plait/queue/basic_queue.hpp"

namespace plait::queue {

// As BasicQueue (plait/queue/basic_queue.hpp), whose calls these are, in order: of two items put by one thread, or by
// two of which the second knew that the first was in, the first comes out first. Who puts and who gets hardly meet.
// Memory is taken and given back in blocks of some 2 KiB, or of eight items that are larger than 256 bytes; a put that
// finds it exhausted throws std::bad_alloc and changes nothing.
//
//   plait::queue::Queue<std::string> urls(1000);
//   urls.put("a");
//   std::string url = urls.get({.timeout = 2s});
//   urls.task_done();
template <class T>
class Queue : public BasicQueue<T, detail::BlockList<T>> {
 public:
  // maxsize <= 0: without bound.
  explicit Queue(std::int64_t maxsize = 0) : BasicQueue<T, detail::BlockList<T>>(maxsize) {}
};

}  // namespace plait::queue
