// SPDX-License-Identifier: Apache-2.0
#include <plait/queue.hpp>

#include "thread-queue-roundtrip/echo.hpp"

int main(int argc, char** argv) {
  plait::queue::Queue<int> there, back;
  bench::run_echo(there, back, bench::argument(argc, argv));
}
