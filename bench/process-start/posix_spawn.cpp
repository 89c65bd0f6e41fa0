// SPDX-License-Identifier: Apache-2.0
// posix_spawn of a program, the one given first, told by its argument to end at once, and its end; the median.
#include <spawn.h>

#include <algorithm>
#include <vector>

#include "support/shared.hpp"

int main(int argc, char** argv) {
  const auto count = static_cast<std::size_t>(bench::argument(argc, argv, 2));
  std::vector<double> times(count);
  for (double& time : times) {
    char end_at_once[] = "0";
    char forkserver[] = "forkserver";
    char* const arguments[] = {argv[1], forkserver, end_at_once, nullptr};
    const bench::Timer start;
    pid_t pid = 0;
    bench::check(::posix_spawn(&pid, argv[1], nullptr, nullptr, arguments, environ) == 0, "posix_spawn");
    int status = 0;
    bench::check(::waitpid(pid, &status, 0) == pid, "waitpid");
    time = start.seconds();
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
  bench::report(times[count / 2] * 1e6);
}
