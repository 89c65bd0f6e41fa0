// SPDX-License-Identifier: Apache-2.0
//
// A producer and a consumer with a bounded queue between them.

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
  mp::Process my_producer(producer, queue), my_consumer(consumer, queue);
  my_producer.start();
  my_consumer.start();
  my_producer.join();
  my_consumer.join();
}
