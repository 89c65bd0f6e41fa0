// SPDX-License-Identifier: Apache-2.0
#include <plait/queue.hpp>

#include "thread-queue/traffic.hpp"

int main(int argc, char** argv) {
  plait::queue::Queue<int> queue(bench::argument(argc, argv, 3));
  bench::run_traffic(queue, bench::argument(argc, argv, 1), bench::argument(argc, argv, 2));
}
