// SPDX-License-Identifier: Apache-2.0
// refused: plait: the callable or an argument of this thread cannot be copied; pass it with std::move
#include <memory>
#include <utility>

#include "plait/threading.hpp"

void work(std::unique_ptr<int> page);

void start(std::unique_ptr<int> page) {
#ifdef REFUSED
  plait::threading::Thread thread(work, page);
#else
  plait::threading::Thread thread(work, std::move(page));
#endif
  thread.start();
}
