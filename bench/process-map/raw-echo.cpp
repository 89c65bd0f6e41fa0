// SPDX-License-Identifier: Apache-2.0
// The limit both ways: every value goes to another process and comes back, as the values of map do.
#include "process-map/lane.hpp"
#include "support/shared.hpp"

namespace {

struct Lanes {
  bench::Lane there, back;
};

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  Lanes& lanes = bench::make_shared_object<Lanes>();
  bench::ForkedChild worker([&] {
    std::int64_t value = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      while (!lanes.there.try_get(value)) bench::relax();
      while (!lanes.back.try_put(value)) bench::relax();
    }
    return true;
  });
  const bench::Timer timer;
  // In bursts, so that the two sides do not fight for the line of the message that is being written.
  for (std::int64_t sent = 0, received = 0; received < count;) {
    const std::int64_t before = sent + received;
    while (sent < count && lanes.there.try_put(sent)) ++sent;
    for (std::int64_t value = 0; lanes.back.try_get(value);)
      bench::check(value == received++, "a value that came back");
    if (sent + received == before) bench::relax();
  }
  bench::report_ns(timer, count);
  bench::check(worker.join(), "the worker's end");
}
