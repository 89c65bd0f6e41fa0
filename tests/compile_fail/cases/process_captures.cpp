// SPDX-License-Identifier: Apache-2.0
// refused: plait: this callable captures variables, which cannot be sent to another process; pass them as arguments, or
// use plait::partial
#include "plait/multiprocessing.hpp"

using plait::multiprocessing::Process;

void start(int k) {
#ifdef REFUSED
  Process([&](int x) { return x * k; }, 2).start();
#else
  Process([](int x, int y) { return x * y; }, 2, k).start();
  Process::forked([&](int x) { return x * k; }, 2).start();
#endif
}
