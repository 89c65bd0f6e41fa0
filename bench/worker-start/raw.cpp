// SPDX-License-Identifier: Apache-2.0
// The limit: fork and wait for a child that ends at once; the median.
#include <algorithm>
#include <vector>

#include "support/shared.hpp"

int main(int argc, char** argv) {
  const auto count = static_cast<std::size_t>(bench::argument(argc, argv));
  std::vector<double> times(count);
  for (double& time : times) {
    const bench::Timer start;
    bench::ForkedChild child([] { return true; });
    bench::check(child.join(), "exit status");
    time = start.seconds();
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
  bench::report(times[count / 2] * 1e6);
}
