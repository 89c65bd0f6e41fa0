// SPDX-License-Identifier: Apache-2.0
// An AF_UNIX stream. (A pipe is no faster.)
#include <sys/socket.h>

#include "support/bytes_traffic.hpp"

int main(int argc, char** argv) {
  int ends[2];
  bench::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  bench::bytes_traffic(
      argc, argv,
      [&](const char* bytes, std::size_t size) {
        for (std::size_t sent = 0; sent < size;) {
          const ssize_t more = ::send(ends[1], bytes + sent, size - sent, MSG_NOSIGNAL);
          bench::check(more > 0, "send");
          sent += static_cast<std::size_t>(more);
        }
      },
      [&](char* bytes, std::size_t size) {
        for (std::size_t got = 0; got < size;) {
          const ssize_t more = ::recv(ends[0], bytes + got, size - got, 0);
          bench::check(more > 0, "recv");
          got += static_cast<std::size_t>(more);
        }
      });
}
