// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Byte strings from one process to another; reports GB/s from the first that has arrived.

#include <cstddef>
#include <string>

#include "support/shared.hpp"

namespace bench {

inline void check_bytes(const char* bytes, std::size_t size, std::int64_t i) {
  check(bytes[0] == static_cast<char>(i) && bytes[size - 1] == static_cast<char>(i), "a byte string");
}
// What the i-th byte string is, as far as it is looked at.
inline void mark_bytes(char* bytes, std::size_t size, std::int64_t i) {
  bytes[0] = static_cast<char>(i);
  bytes[size - 1] = static_cast<char>(i);
}

// send(buffer, size) and receive(buffer, size), of one byte string; finish() is the sender's last. Usage: SIZE COUNT
template <class Send, class Receive, class Finish>
void bytes_traffic(int argc, char** argv, Send send, Receive receive, Finish finish) {
  const auto size = static_cast<std::size_t>(argument(argc, argv));
  const std::int64_t count = argument(argc, argv, 2);
  ForkedChild sender([&] {
    std::string buffer(size, 'x');
    for (std::int64_t i = 0; i < count; ++i) {
      mark_bytes(buffer.data(), size, i);
      send(buffer.data(), size);
    }
    finish();
    return true;
  });
  std::string buffer(size, '\0');
  receive(buffer.data(), size);
  const Timer timer;
  for (std::int64_t i = 1; i < count; ++i) {
    receive(buffer.data(), size);
    check_bytes(buffer.data(), size, i);
  }
  report(static_cast<double>(size) * static_cast<double>(count - 1) / timer.seconds() / 1e9);
  check(sender.join(), "the sender's end");
}

template <class Send, class Receive>
void bytes_traffic(int argc, char** argv, Send send, Receive receive) {
  bytes_traffic(argc, argv, send, receive, [] {});
}

}  // namespace bench
