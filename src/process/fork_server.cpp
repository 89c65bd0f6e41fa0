// SPDX-License-Identifier: Apache-2.0
#include "process/fork_server.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "os/epoll.hpp"
#include "os/error.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "os/socket.hpp"
#include "plait/errors.hpp"
#include "process/fresh_image.hpp"
#include "shm/heap.hpp"

namespace plait::process {
namespace {

// A program started anew does as it pleases before it comes to plait::init; longer than this is a fault.
constexpr int patience_milliseconds = 30'000;

[[noreturn]] void throw_failure(const Reply& reply) {
  const std::string text(reply.text.data(), strnlen(reply.text.data(), reply.text.size()));
  if (reply.error == Reply::not_of_the_system) throw RuntimeError(text);
  throw std::system_error(reply.error, std::system_category(), text);
}

// In the copy of the host that nobody notices: the server is its child, and init's when this has ended.
int fork_server(void* context) {
  const int pid = os::try_fork();
  if (pid == 0) serve(std::move(*static_cast<ServerEnds*>(context)));
  return pid < 0 ? errno : 0;
}

int launch_server(void* context) {
  pid_t pid = 0;
  return static_cast<os::FreshImage*>(context)->run(pid);
}

// `step` starts the server in a copy of this process that nobody notices.
void start_unnoticed(int (*step)(void*), void* context) {
  const os::BlockAllSignals blocked;  // the host's handlers are not to run in the copy
  const int error = os::run_unnoticed(step, context);
  if (error != 0) os::throw_system_error(error, "fork", "the fork server");
}

}  // namespace

// The sockets between a host and a server that is being made.
struct ForkServer::Connection {
  explicit Connection(const os::Lifeline& lifeline) : requests(os::make_socket_pair()), exits(os::make_socket_pair()) {
    theirs = {std::move(requests.second), std::move(exits.second), os::duplicate(lifeline.reader.get())};
  }
  std::shared_ptr<ForkServer> finish(std::uint64_t id) {
    theirs = {};  // from here on only the server has its ends: if it dies, we see it
    std::shared_ptr<ForkServer> server(new ForkServer(id, std::move(requests.first), std::move(exits.first)));
    server->wait_until_ready();
    return server;
  }

  os::SocketPair requests;
  os::SocketPair exits;
  ServerEnds theirs;
};

ForkServer::ForkServer(std::uint64_t id, os::FileDescriptor requests, os::FileDescriptor exits) noexcept
    : id_(id), requests_(std::move(requests)), exits_(std::move(exits)) {}

std::shared_ptr<ForkServer> ForkServer::fork(std::uint64_t id, const os::Lifeline& lifeline) {
  shm::Heap::get();  // before the fork, so that both have it
  Connection connection(lifeline);
  os::flush_output();
  start_unnoticed(fork_server, &connection.theirs);
  return connection.finish(id);
}

std::shared_ptr<ForkServer> ForkServer::launch(std::uint64_t id, const os::Lifeline& lifeline) {
  Connection connection(lifeline);
  const auto image = prepare_server({.lifeline = connection.theirs.lifeline.get(),
                                     .requests = connection.theirs.requests.get(),
                                     .exits = connection.theirs.exits.get(),
                                     .owner = shm::Heap::get().new_owner()});
  start_unnoticed(launch_server, image.get());
  return connection.finish(id);
}

void ForkServer::wait_until_ready() {
  const bool answers = os::wait_readable(requests_.get(), patience_milliseconds);
  Reply ready;
  const auto space = std::as_writable_bytes(std::span(&ready, 1));
  if (answers && os::receive_message(requests_.get(), space, os::Waiting::forbidden).size == sizeof ready) return;
  throw RuntimeError(
      "plait: the fork server did not start; see standard error, and make plait::init(argc, argv) the first line of "
      "main");
}

std::optional<ForkServer::Started> ForkServer::start(const Request& request, const EntryPoint& entry) {
  std::array<std::byte, longest_request> message;
  const std::size_t size = sizeof request + entry.module.size();
  if (size > message.size()) throw RuntimeError("plait: the path of a library is too long: " + entry.module);
  std::memcpy(message.data(), &request, sizeof request);
  std::memcpy(message.data() + sizeof request, entry.module.data(), entry.module.size());
  const int error = os::send_message(requests_.get(), std::span(message).first(size), -1, os::Waiting::allowed);
  if (error == EPIPE || error == ECONNRESET) return std::nullopt;
  if (error != 0) os::throw_system_error(error, "sendmsg", "a request to the fork server");

  Reply reply;
  os::Received received =
      os::receive_message(requests_.get(), std::as_writable_bytes(std::span(&reply, 1)), os::Waiting::allowed);
  if (received.result == os::Received::Result::closed) return std::nullopt;
  if (received.size != sizeof reply || reply.id != request.id)
    throw RuntimeError("plait: the fork server speaks nonsense");
  if (reply.error != 0) throw_failure(reply);
  if (received.descriptor_lost) {  // the child lives, but we have no descriptor left to watch it by
    const Request kill{.command = Command::kill, .id = request.id};
    os::send_message(requests_.get(), bytes_of(kill), -1, os::Waiting::allowed);
    os::receive_message(requests_.get(), std::as_writable_bytes(std::span(&reply, 1)), os::Waiting::allowed);
    os::throw_system_error(EMFILE, "recvmsg", "the pidfd of a new child");
  }
  return Started{reply.pid, std::move(received.descriptor)};
}

bool ForkServer::start_tracker() {
  const Request request{.command = Command::start_tracker};
  const int error = os::send_message(requests_.get(), bytes_of(request), -1, os::Waiting::allowed);
  if (error == EPIPE || error == ECONNRESET) return false;
  if (error != 0) os::throw_system_error(error, "sendmsg", "a request to the fork server");
  Reply reply;
  const auto space = std::as_writable_bytes(std::span(&reply, 1));
  const os::Received received = os::receive_message(requests_.get(), space, os::Waiting::allowed);
  if (received.result == os::Received::Result::closed) return false;
  if (received.size == sizeof reply && reply.error != 0) throw_failure(reply);
  return true;
}

void ForkServer::close_inherited() noexcept {
  requests_.reset();
  exits_.reset();
}

}  // namespace plait::process
