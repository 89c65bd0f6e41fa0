// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Death with another process: a pipe whose only writing end is in that process, and a signal that the kernel sends to
// each process that holds on to the reading end when the writer is gone, in whatever way it went. It needs no thread,
// no polling, and nobody else who lives.

#include "os/file_descriptor.hpp"

namespace plait::os {

struct Lifeline {
  FileDescriptor reader;  // for the others, who inherit it
  FileDescriptor writer;  // not to be inherited by anybody, nor ever written to
};
// Throws std::system_error (EMFILE, ENFILE).
Lifeline make_lifeline();

// From now on this process is killed (SIGKILL) when the writer of the lifeline is gone; at once, if it is gone already.
// Returns what holds the line: to be kept open. `reader` may be closed afterwards, it is shared with other processes
// and so cannot serve. Throws std::system_error: /proc is not there, EMFILE.
FileDescriptor hold_on_to(int reader);

}  // namespace plait::os
