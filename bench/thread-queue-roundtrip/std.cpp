// SPDX-License-Identifier: Apache-2.0
#include "thread-queue/std.hpp"

#include "thread-queue-roundtrip/echo.hpp"

int main(int argc, char** argv) {
  bench::StdQueue there, back;
  bench::run_echo(there, back, bench::argument(argc, argv));
}
