// SPDX-License-Identifier: Apache-2.0
//
// Ping and Pong, 50 in all: the counter goes to and fro in a queue, which the processes share.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <iostream>
#include <string>

namespace mp = plait::multiprocessing;

void sub_task(const std::string& content, const mp::Queue<int>& queue) {
  int counter = queue.get();
  while (counter < 50) {
    std::cout << content << std::flush;
    queue.put(counter + 1);
    counter = queue.get();
  }
  queue.put(counter);  // for the other one
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Queue<int> queue;
  queue.put(0);
  mp::Process p1(sub_task, "Ping", queue), p2(sub_task, "Pong", queue);
  p1.start();
  p2.start();
}
