// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The host's handle on its fork server.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "os/file_descriptor.hpp"
#include "os/lifeline.hpp"
#include "process/entry_point.hpp"
#include "process/protocol.hpp"
#include "process/server_loop.hpp"

namespace plait::process {

// Not thread-safe, but for exits(): the owner's mutex guards it. The server ends when this and its copies in forked
// children are gone.
class ForkServer {
 public:
  // A copy of this process, which must have no other threads. It is no child of this process: wait(-1) does not see it.
  // Throws std::system_error (EAGAIN, EMFILE, …), RuntimeError.
  static std::shared_ptr<ForkServer> fork(std::uint64_t id, const os::Lifeline& lifeline);

  // The program started anew; plait::init has been called. Works at any time. Throws as fork().
  static std::shared_ptr<ForkServer> launch(std::uint64_t id, const os::Lifeline& lifeline);

  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  struct Started {
    pid_t pid;
    os::FileDescriptor pidfd;
  };
  // Starts a child and waits until it has begun. Nothing: the server is dead, and no child lives by this request.
  // Throws what the server met: std::system_error, RuntimeError.
  std::optional<Started> start(const Request& request, const EntryPoint& entry);

  // Has it start the tracker (tracker.hpp). False: the server is dead. Throws as start().
  bool start_tracker();

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  // Where it reports ended children.
  [[nodiscard]] int exits() const noexcept { return exits_.get(); }

  // In a child that was forked from the host: lest the server outlives the host.
  void close_inherited() noexcept;

 private:
  struct Connection;
  ForkServer(std::uint64_t id, os::FileDescriptor requests, os::FileDescriptor exits) noexcept;
  void wait_until_ready();

  const std::uint64_t id_;
  os::FileDescriptor requests_;
  os::FileDescriptor exits_;
};

}  // namespace plait::process
