// SPDX-License-Identifier: Apache-2.0
//
// The GIL, measured: who computes holds the interpreter's lock and hands it over when his time slice is over, who waits
// lets it go meanwhile. So two threads that compute take as long as one after the other, and two that wait overlap.
// Without that lock both overlap.

#include <plait/threading.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using plait::threading::Lock;
using plait::threading::Thread;
using Clock = std::chrono::steady_clock;

class InterpreterLock {
 public:
  void acquire() {
    ++waiting_;
    lock_.acquire();  // fair enough: who came too late once is handed the lock the next time
    --waiting_;
    slice_ends_ = Clock::now() + 5ms;
  }
  void release() { lock_.release(); }

  void between_two_bytecodes() {
    if (++bytecodes_ % 1000 != 0 || waiting_ == 0 || Clock::now() < slice_ends_) return;
    release();
    acquire();
  }

 private:
  Lock lock_;
  std::atomic<int> waiting_{0};
  long bytecodes_ = 0;  // like the next one of the thread that has the lock
  Clock::time_point slice_ends_;
};

InterpreterLock gil;
std::atomic<bool> with_gil{true};

struct RunsPython {
  RunsPython() { with_gil ? gil.acquire() : void(); }
  ~RunsPython() { with_gil ? gil.release() : void(); }
};

void compute() {
  const RunsPython runs;
  for (long bytecode = 0; bytecode < 60'000'000; ++bytecode) with_gil ? gil.between_two_bytecodes() : void();
}

void fetch() {
  { const RunsPython runs; }
  std::this_thread::sleep_for(100ms);  // a call that blocks lets the lock go
  { const RunsPython runs; }
}

double seconds(void (*work)(), int threads) {
  const auto start = Clock::now();
  Thread a(work), b(work);
  a.start();
  if (threads == 2) b.start(), b.join();
  a.join();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int main() {
  for (bool with : {true, false}) {
    with_gil = with;
    const double computing = 2 * seconds(compute, 1) / seconds(compute, 2);
    const double waiting = 2 * seconds(fetch, 1) / seconds(fetch, 2);
    std::printf("%s the GIL: computing on 2 threads is %.1f times as fast as on 1, waiting %.1f times\n",
                with ? "with" : "without", computing, waiting);
  }
}
