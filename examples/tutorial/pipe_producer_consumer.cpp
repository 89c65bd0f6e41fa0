// SPDX-License-Identifier: Apache-2.0
//
// Pipe: two processes, one at each end.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>
#include <string>

namespace mp = plait::multiprocessing;

void producer(const mp::Connection<std::string>& pipe) { pipe.send("bobby"); }

void consumer(const mp::Connection<std::string>& pipe) { std::puts(pipe.recv().c_str()); }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  auto [receive_pipe, send_pipe] = mp::Pipe<std::string>();
  mp::Process my_producer(producer, send_pipe);
  mp::Process my_consumer(consumer, receive_pipe);
  my_producer.start();
  my_consumer.start();
  my_producer.join();
  my_consumer.join();
}
