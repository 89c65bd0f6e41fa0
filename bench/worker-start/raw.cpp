// SPDX-License-Identifier: Apache-2.0
// The limit: fork and wait for a child that ends at once.
#include "support/shared.hpp"

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) {
    bench::ForkedChild child([] { return true; });
    bench::check(child.join(), "exit status");
  }
  bench::report(timer.seconds() * 1e6 / static_cast<double>(count));
}
