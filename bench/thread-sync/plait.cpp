// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "plait/threading/barrier.hpp"
#include "plait/threading/condition.hpp"
#include "plait/threading/event.hpp"
#include "support/ping_pong.hpp"

struct Condition {
  template <class F>
  void hold(F f) {
    const std::scoped_lock held(condition);
    f(condition);
  }
  plait::threading::Condition condition;
};

int main(int argc, char** argv) {
  bench::ping_pong<plait::threading::Event, Condition, plait::threading::Barrier>(argc, argv);
}
