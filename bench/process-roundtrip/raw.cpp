// SPDX-License-Identifier: Apache-2.0
// The limit: ping-pong of two processes over two words in shared memory, spinning first, then sleeping on a futex.
#include <linux/futex.h>
#include <sys/syscall.h>

#include <atomic>

#include "support/shared.hpp"

namespace {

class Bell {
 public:
  void ring(std::int32_t value) {
    word_.store(value);
    if (sleeper_.load() != 0) ::syscall(SYS_futex, &word_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  void await(std::int32_t value) {
    for (int spin = 0; spin < 20'000; ++spin) {
      if (word_.load(std::memory_order_acquire) == value) return;  // pairs with ring
      __builtin_ia32_pause();
    }
    sleeper_.store(1);
    for (std::int32_t seen = word_.load(); seen != value; seen = word_.load())
      ::syscall(SYS_futex, &word_, FUTEX_WAIT, seen, nullptr, nullptr, 0);
    sleeper_.store(0);
  }

 private:
  alignas(64) std::atomic<std::int32_t> word_{0};
  alignas(64) std::atomic<std::int32_t> sleeper_{0};
};

struct Table {
  Bell ping, pong;
};

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<std::int32_t>(bench::argument(argc, argv));
  Table& table = bench::make_shared_object<Table>();
  bench::ForkedChild partner([&] {
    for (std::int32_t i = 1; i <= count; ++i) {
      table.ping.await(i);
      table.pong.ring(i);
    }
    return true;
  });
  const bench::Timer timer;
  for (std::int32_t i = 1; i <= count; ++i) {
    table.ping.ring(i);
    table.pong.await(i);
  }
  bench::report_ns(timer, count);
  bench::check(partner.join(), "the partner's end");
}
