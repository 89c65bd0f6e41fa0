// SPDX-License-Identifier: Apache-2.0
// The limit: a ring of 4 places in shared memory, spinning; one copy in, one out, both between warm buffers.
#include <sched.h>

#include <atomic>
#include <cstring>

#include "support/bytes_traffic.hpp"

namespace {

struct Counts {
  alignas(64) std::atomic<std::uint64_t> put{0};
  alignas(64) std::atomic<std::uint64_t> got{0};
};

template <class Ready>
void await(Ready ready) {
  for (int look = 0; !ready(); ++look) {
    __builtin_ia32_pause();
    if (look % 4096 == 4095) ::sched_yield();
  }
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::uint64_t places = 4;
  const auto size = static_cast<std::size_t>(bench::argument(argc, argv));
  Counts& counts = bench::make_shared_object<Counts>();
  auto* const ring = static_cast<char*>(bench::map_shared(places * size));
  bench::bytes_traffic(
      argc, argv,
      [&](const char* bytes, std::size_t) {
        const std::uint64_t at = counts.put.load(std::memory_order_relaxed);
        await([&] { return at - counts.got.load(std::memory_order_acquire) < places; });
        std::memcpy(ring + at % places * size, bytes, size);
        counts.put.store(at + 1, std::memory_order_release);
      },
      [&](char* bytes, std::size_t) {
        const std::uint64_t at = counts.got.load(std::memory_order_relaxed);
        await([&] { return counts.put.load(std::memory_order_acquire) != at; });
        std::memcpy(bytes, ring + at % places * size, size);
        counts.got.store(at + 1, std::memory_order_release);
      });
}
