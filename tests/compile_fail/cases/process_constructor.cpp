// SPDX-License-Identifier: Apache-2.0
// refused: plait: a ShippableProcess must be default-constructible
#include "plait/multiprocessing.hpp"

using plait::multiprocessing::ShippableProcess;

struct Spider : ShippableProcess<Spider> {
  int pages;
  explicit Spider(int n) : pages(n) {}
#ifndef REFUSED
  Spider() : Spider(0) {}
#endif
  void run() override {}
  template <class A>
  void serialize(A& ar) {
    ar(pages);
  }
};

void start() { Spider(3).start(); }
