// SPDX-License-Identifier: Apache-2.0
// 8 bytes there and back over an AF_UNIX socket that keeps messages whole.
#include <sys/socket.h>

#include "support/shared.hpp"

static void round_of(int socket, std::int64_t i) {
  bench::check(::send(socket, &i, sizeof i, MSG_NOSIGNAL) == sizeof i, "send");
  std::int64_t back = -1;
  bench::check(::recv(socket, &back, sizeof back, 0) == sizeof back && back == i, "an echo");
}

int main(int argc, char** argv) {
  const std::int64_t count = bench::argument(argc, argv);
  int ends[2];
  bench::check(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
  bench::ForkedChild partner([&] {
    std::int64_t got = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (::recv(ends[1], &got, sizeof got, 0) != sizeof got) return false;
      if (::send(ends[1], &got, sizeof got, MSG_NOSIGNAL) != sizeof got) return false;
    }
    return true;
  });
  const bench::Timer timer;
  for (std::int64_t i = 0; i < count; ++i) round_of(ends[0], i);
  bench::report_ns(timer, count);
  bench::check(partner.join(), "the partner's end");
}
