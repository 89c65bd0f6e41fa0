// SPDX-License-Identifier: Apache-2.0
// A pipe, of which each read and write takes one number.
#include "support/queue_traffic.hpp"

int main(int argc, char** argv) {
  int ends[2];
  bench::check(::pipe(ends) == 0, "pipe");
  bench::number_traffic(
      bench::argument(argc, argv), bench::argument(argc, argv, 2),
      [&](std::int64_t, std::int64_t from, std::int64_t to) {
        for (auto i = static_cast<int>(from); i < to; ++i)
          bench::check(::write(ends[1], &i, sizeof i) == sizeof i, "write");
      },
      [&](std::int64_t, std::int64_t count) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          int item = 0;
          bench::check(::read(ends[0], &item, sizeof item) == sizeof item, "read");
          sum += item;
        }
        return sum;
      });
}
