// SPDX-License-Identifier: Apache-2.0
#include "thread-queue/std.hpp"

#include "thread-queue/traffic.hpp"

int main(int argc, char** argv) {
  bench::StdQueue queue(static_cast<std::size_t>(bench::argument(argc, argv, 3)));
  bench::run_traffic(queue, bench::argument(argc, argv, 1), bench::argument(argc, argv, 2));
}
