// SPDX-License-Identifier: Apache-2.0
// The limit: memcpy between two warm buffers of that size.
#include <cstring>
#include <vector>

#include "support/bench.hpp"

int main(int argc, char** argv) {
  const auto size = static_cast<std::size_t>(bench::argument(argc, argv));
  const std::int64_t count = bench::argument(argc, argv, 2);
  const std::vector<double> from(size / sizeof(double), 1.5);
  std::vector<double> to(from.size());
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to.data(), from.data(), size);
    asm volatile("" : : "r"(to.data()) : "memory");  // every copy counts
  }
  bench::report(static_cast<double>(size) * static_cast<double>(count) / timer.seconds() / 1e9);
  bench::check(to.back() == 1.5, "the copy");
}
