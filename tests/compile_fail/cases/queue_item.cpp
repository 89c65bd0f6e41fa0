// SPDX-License-Identifier: Apache-2.0
// refused: items are moved into a queue and out of it, and destroyed without throwing
#include "plait/queue.hpp"

#ifdef REFUSED
using Item = const int;
#else
using Item = int;
#endif

int size() {
  plait::queue::Queue<Item> queue;
  plait::queue::LifoQueue<Item> last;
  plait::queue::SimpleQueue<Item> simple;
  return static_cast<int>(queue.qsize() + last.qsize() + simple.qsize());
}
