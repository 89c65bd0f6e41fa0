// SPDX-License-Identifier: Apache-2.0
#include "thread-queue/tbb.hpp"

#include "thread-queue-roundtrip/echo.hpp"

int main(int argc, char** argv) {
  bench::TbbQueue there, back;
  bench::run_echo(there, back, bench::argument(argc, argv));
}
