// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The fork server's own side: a single-threaded copy of the program that forks on request, reaps, and reports. It ends
// when the host does, and then ends its children.

#include "os/file_descriptor.hpp"

namespace plait::process {

struct ServerEnds {
  os::FileDescriptor requests;
  os::FileDescriptor exits;
  os::FileDescriptor lifeline;  // of the host, for the children
};

// Turns this process into a fork server. It keeps its standard output and error, `ends`, the shared heap, and closes
// everything else. It has no signal handlers, ignores SIGINT and blocks all other signals.
[[noreturn]] void serve(ServerEnds ends) noexcept;

}  // namespace plait::process
