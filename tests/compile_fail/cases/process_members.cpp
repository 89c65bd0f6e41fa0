// SPDX-License-Identifier: Apache-2.0
// refused: plait: this process class has members; give it
#include "plait/multiprocessing.hpp"

using plait::multiprocessing::ShippableProcess;

struct Spider : ShippableProcess<Spider> {
  int pages = 0;
  void run() override {}
#ifndef REFUSED
  template <class A>
  void serialize(A& ar) {
    ar(pages);
  }
#endif
};

void start() { Spider().start(); }
