// SPDX-License-Identifier: Apache-2.0
#include "os/lifeline.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "os/error.hpp"

namespace plait::os {

Lifeline make_lifeline() {
  Pipe pipe = make_pipe();
  // Reopening checks the permissions of the pipe, which are those of the user that made it; a child may be another.
  fchmod(pipe.reader.get(), 0444);
  return {std::move(pipe.reader), std::move(pipe.writer)};
}

// The kernel tells whoever is registered on an open file (O_ASYNC) when the last writer of a pipe goes away, by a
// signal of choice. The registration belongs to the open file, which fork shares: each process needs an open file of
// its own.
FileDescriptor hold_on_to(int reader) {
  const std::string path = "/proc/self/fd/" + std::to_string(reader);
  FileDescriptor own = above_standard_streams(
      FileDescriptor(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); })));
  if (!own) throw_system_error("open", path);
  const bool armed = fcntl(own.get(), F_SETSIG, SIGKILL) == 0 && fcntl(own.get(), F_SETOWN, ::getpid()) == 0 &&
                     fcntl(own.get(), F_SETFL, O_NONBLOCK | O_ASYNC) == 0;
  if (!armed) throw_system_error("fcntl", "F_SETSIG, F_SETOWN, O_ASYNC of the lifeline");
  // The writer may have gone before we were registered.
  pollfd line{own.get(), 0, 0};
  poll(&line, 1, 0);
  if ((line.revents & POLLHUP) != 0) kill(::getpid(), SIGKILL);
  return own;
}

}  // namespace plait::os
