// SPDX-License-Identifier: Apache-2.0
// refused: plait: the target of this thread cannot be called with these arguments; .* for a parameter T& pass std::ref
#include <functional>

#include "plait/threading.hpp"

void add(int& sum, int n);

void start(int& sum) {
#ifdef REFUSED
  plait::threading::Thread thread({.name = "adder"}, add, sum, 1);
#else
  plait::threading::Thread thread({.name = "adder"}, add, std::ref(sum), 1);
#endif
  thread.start();
}
