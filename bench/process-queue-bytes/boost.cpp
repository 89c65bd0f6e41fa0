// SPDX-License-Identifier: Apache-2.0
// Boost.Interprocess message_queue, 16 messages long.
#include <boost/interprocess/ipc/message_queue.hpp>

#include <string>

#include "support/bytes_traffic.hpp"

namespace ipc = boost::interprocess;

int main(int argc, char** argv) {
  const std::string name = "bench-" + std::to_string(::getpid());
  ipc::message_queue queue(ipc::create_only, name.c_str(), 16, static_cast<std::size_t>(bench::argument(argc, argv)));
  ipc::message_queue::remove(name.c_str());
  bench::bytes_traffic(
      argc, argv, [&](const char* bytes, std::size_t size) { queue.send(bytes, size, 0); },
      [&](char* bytes, std::size_t size) {
        ipc::message_queue::size_type got = 0;
        unsigned priority = 0;
        queue.receive(bytes, size, got, priority);
        bench::check(got == size, "a size");
      });
}
