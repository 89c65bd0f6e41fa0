// SPDX-License-Identifier: Apache-2.0
// Boost.Interprocess message_queue, 1000 messages long.
#include <boost/interprocess/ipc/message_queue.hpp>

#include <string>

#include "support/queue_traffic.hpp"

namespace ipc = boost::interprocess;

int main(int argc, char** argv) {
  const std::string name = "bench-" + std::to_string(::getpid());
  ipc::message_queue queue(ipc::create_only, name.c_str(), 1000, sizeof(int));
  ipc::message_queue::remove(name.c_str());
  bench::number_traffic(
      bench::argument(argc, argv), bench::argument(argc, argv, 2),
      [&](std::int64_t, std::int64_t from, std::int64_t to) {
        for (auto i = static_cast<int>(from); i < to; ++i) queue.send(&i, sizeof i, 0);
      },
      [&](std::int64_t, std::int64_t count) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          int item = 0;
          ipc::message_queue::size_type size = 0;
          unsigned priority = 0;
          queue.receive(&item, sizeof item, size, priority);
          sum += item;
        }
        return sum;
      });
}
