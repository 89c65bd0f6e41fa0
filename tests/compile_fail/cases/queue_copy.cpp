// SPDX-License-Identifier: Apache-2.0
// refused: no matching member function|cannot bind rvalue reference
#include <memory>
#include <utility>

#include "plait/queue.hpp"

void put(std::unique_ptr<int> item) {
  plait::queue::Queue<std::unique_ptr<int>> queue;
#ifdef REFUSED
  queue.put(item);
#else
  queue.put(std::move(item));
#endif
}
