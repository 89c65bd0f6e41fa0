// SPDX-License-Identifier: Apache-2.0
#include "thread-queue/moodycamel.hpp"

#include "thread-queue/traffic.hpp"

int main(int argc, char** argv) {
  bench::MoodycamelQueue queue;
  bench::run_traffic(queue, bench::argument(argc, argv, 1), bench::argument(argc, argv, 2));
}
