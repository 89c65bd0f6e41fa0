// SPDX-License-Identifier: Apache-2.0
//
// A producer and a consumer: task_done() tells that an item has been dealt with, join() waits for all of them. The
// consumer ends when nothing has come for a while.

#include <plait/queue.hpp>
#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;
using plait::queue::Empty;
using plait::threading::Thread;
using Queue = plait::queue::Queue<int>;

void producer(Queue& queue) {
  for (int i = 0; i < 5; ++i) {
    queue.put(i);
    std::printf("put %d\n", i);
  }
  queue.join();
  std::puts("all are done");
}

void consumer(Queue& queue) {
  try {
    for (;;) {
      const int item = queue.get({.timeout = 200ms});
      std::printf("got %d\n", item);
      queue.task_done();
    }
  } catch (const Empty&) {
    std::puts("nothing more comes");
  }
}

int main() {
  Queue queue(2);
  Thread produces(producer, queue), consumes(consumer, queue);
  produces.start();
  consumes.start();
}
