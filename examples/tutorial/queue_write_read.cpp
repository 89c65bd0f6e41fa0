// SPDX-License-Identifier: Apache-2.0
//
// A process that writes into a queue, one that reads from it for ever, and is terminated.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <iostream>
#include <random>
#include <thread>

namespace mp = plait::multiprocessing;

void write_to(const mp::Queue<char>& q) {
  std::mt19937 random(std::random_device{}());
  for (const char value : {'A', 'B', 'C'}) {
    std::cout << "Put " << value << " to queue..." << std::endl;
    q.put(value);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
  }
}

void read_from(const mp::Queue<char>& q) {
  for (;;) {
    const char value = q.get();
    std::cout << "Get " << value << " from queue." << std::endl;
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Queue<char> q;
  mp::Process pw(write_to, q), pr(read_from, q);
  pw.start();
  pr.start();
  pw.join();
  // The reader's loop has no end: it has to be terminated.
  while (!q.empty()) std::this_thread::yield();
  pr.terminate();
}
