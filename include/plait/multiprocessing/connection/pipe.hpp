// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Pipe(): a new connection, both ends of it. Python's multiprocessing.Pipe.

#include "plait/detail/export.hpp"
#include "plait/multiprocessing/connection/connection.hpp"

namespace plait::multiprocessing {

struct PipeOptions {
  bool duplex = true;  // else messages go from the second end to the first only
};

// auto [a, b] = Pipe();
template <class T>
struct PipeEnds {
  Connection<T> first;   // receives; sends too if it is duplex
  Connection<T> second;  // sends; receives too if it is duplex
};

namespace detail_of_pipe {
struct Ends {
  detail::ConnectionRef first, second;
};
PLAIT_EXPORT Ends make(PipeOptions options);
}  // namespace detail_of_pipe

// For messages of type T; Pipe() for messages of any type. Throws std::system_error: EMFILE, ENFILE.
//
//   auto [receiver, sender] = Pipe<int>({.duplex = false});
//
// Differs from Python: the first parameter, duplex, is in the options.
template <class T = void>
[[nodiscard]] PipeEnds<T> Pipe(PipeOptions options = {}) {  // NOLINT(readability-identifier-naming): Python's
  auto ends = detail_of_pipe::make(options);
  return {Connection<T>(std::move(ends.first)), Connection<T>(std::move(ends.second))};
}

}  // namespace plait::multiprocessing
