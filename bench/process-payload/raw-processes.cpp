// SPDX-License-Identifier: Apache-2.0
// The limit for two processes that share memory: one copies its data in, the other copies it out; all buffers warm,
// both sides spin.
#include <atomic>
#include <cstring>
#include <vector>

#include "support/shared.hpp"

namespace {

struct Turn {
  alignas(64) std::atomic<std::int64_t> filled{0};
  alignas(64) std::atomic<std::int64_t> emptied{0};
};

void await(const std::atomic<std::int64_t>& word, std::int64_t value) {
  while (word.load(std::memory_order_acquire) < value) __builtin_ia32_pause();
}

}  // namespace

int main(int argc, char** argv) {
  const auto size = static_cast<std::size_t>(bench::argument(argc, argv));
  const std::int64_t count = bench::argument(argc, argv, 2);
  Turn& turn = bench::make_shared_object<Turn>();
  auto* const shared = static_cast<double*>(bench::map_shared(size));
  bench::ForkedChild partner([&] {
    const std::vector<double> from(size / sizeof(double), 1.5);
    for (std::int64_t i = 1; i <= count; ++i) {
      await(turn.emptied, i);
      std::memcpy(shared, from.data(), size);
      turn.filled.store(i, std::memory_order_release);
    }
    return true;
  });
  std::vector<double> to(size / sizeof(double));
  const auto fetch = [&](std::int64_t i) {
    turn.emptied.store(i, std::memory_order_release);
    await(turn.filled, i);
    std::memcpy(to.data(), shared, size);
    bench::check(to.front() == 1.5 && to.back() == 1.5, "the copy");
  };
  fetch(1);
  const bench::Timer timer;
  for (std::int64_t i = 2; i <= count; ++i) fetch(i);
  bench::report(static_cast<double>(size) * static_cast<double>(count - 1) / timer.seconds() / 1e9);
  bench::check(partner.join(), "the partner's end");
}
