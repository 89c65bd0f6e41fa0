// SPDX-License-Identifier: Apache-2.0
//
// Python's queues cannot be used with a pool, but for those of a manager. These can, like any argument.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <iostream>
#include <string>

namespace mp = plait::multiprocessing;

void producer(const mp::Queue<std::string>& queue) { queue.put("a"); }

void consumer(const mp::Queue<std::string>& queue) { std::cout << queue.get() << std::endl; }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Queue<std::string> queue(10);
  mp::Pool pool(2);
  pool.apply_async(producer, queue);
  pool.apply_async(consumer, queue);
  pool.close();
  pool.join();
}
