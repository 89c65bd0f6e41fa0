// SPDX-License-Identifier: Apache-2.0
#include <barrier>
#include <condition_variable>
#include <mutex>

#include "support/ping_pong.hpp"

struct Event {
  void set() {
    const std::lock_guard held(mutex);
    flag = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock held(mutex);
    changed.wait(held, [this] { return flag; });
  }
  void clear() {
    const std::lock_guard held(mutex);
    flag = false;
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool flag = false;
};

struct Condition {
  struct Held {
    template <class P>
    void wait_for(P predicate) {
      changed.wait(lock, predicate);
    }
    void notify() { changed.notify_one(); }
    std::condition_variable& changed;
    std::unique_lock<std::mutex> lock;
  };
  template <class F>
  void hold(F f) {
    Held held{changed, std::unique_lock(mutex)};
    f(held);
  }
  std::mutex mutex;
  std::condition_variable changed;
};

struct Barrier {
  explicit Barrier(int parties) : barrier(parties) {}
  void wait() { barrier.arrive_and_wait(); }
  std::barrier<> barrier;
};

int main(int argc, char** argv) { bench::ping_pong<Event, Condition, Barrier>(argc, argv); }
