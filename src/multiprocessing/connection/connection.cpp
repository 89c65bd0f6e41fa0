// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/connection/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "multiprocessing/connection/connection_core.hpp"
#include "multiprocessing/connection/packet_transport.hpp"
#include "multiprocessing/connection/stream_transport.hpp"
#include "os/error.hpp"
#include "os/socket.hpp"
#include "plait/multiprocessing/connection/pipe.hpp"

namespace plait::multiprocessing {
namespace {

using detail::ConnectionCore;
using detail::MessageIn;
using detail::MessageSpace;
using detail::Transport;
using Use = ConnectionCore::Use;

ConnectionCore& require(const detail::ConnectionRef& core, const char* call) {
  if (core == nullptr) os::throw_system_error(EBADF, call, "handle is closed");
  return *core;
}

std::string_view text_of(MessageSpace& space) noexcept {
  const auto bytes = space.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

ConnectionBase::ConnectionBase(int handle, bool readable, bool writable) {
  if (handle < 0) throw ValueError("invalid handle " + std::to_string(handle));
  if (!readable && !writable) throw ValueError("at least one of readable and writable must be true");
  core_ = std::make_shared<ConnectionCore>(std::make_unique<detail::StreamTransport>(os::FileDescriptor(handle)),
                                           readable, writable);
}

void ConnectionBase::send_bytes(BytesView buffer, std::ptrdiff_t offset, std::optional<std::ptrdiff_t> size) const {
  const std::span<const std::byte> all = buffer.bytes();
  const Use use(core_.get(), Use::For::sending, "send");
  if (offset < 0) throw ValueError("offset is negative");
  const auto begin = static_cast<std::size_t>(offset);
  if (begin > all.size()) throw ValueError("buffer length < offset");
  if (size && *size < 0) throw ValueError("size is negative");
  const std::size_t count = size ? static_cast<std::size_t>(*size) : all.size() - begin;
  if (count > all.size() - begin) throw ValueError("buffer length < offset + size");
  use->send({.type = 0, .bytes = all.subspan(begin, count), .file = -1, .descriptors = {}});
}

std::string ConnectionBase::recv_bytes(std::optional<std::ptrdiff_t> maxlength) const {
  if (maxlength && *maxlength < 0) throw ValueError("negative maxlength");
  MessageSpace space;
  MessageIn message(space);
  require(core_, "recv").receive(message, maxlength ? static_cast<std::size_t>(*maxlength) : Transport::never);
  return std::string(text_of(space));
}

std::size_t ConnectionBase::recv_bytes_into(WritableBytesView buffer, std::ptrdiff_t offset) const {
  const std::span<std::byte> all = buffer.bytes();
  if (offset < 0) throw ValueError("negative offset");
  if (static_cast<std::size_t>(offset) > all.size()) throw ValueError("offset too large");
  const std::span<std::byte> room = all.subspan(static_cast<std::size_t>(offset));
  MessageSpace space;
  MessageIn message(space);
  require(core_, "recv").receive(message, Transport::never);
  if (space.bytes().size() > room.size()) throw BufferTooShort(std::string(text_of(space)));
  std::ranges::copy(space.bytes(), room.begin());
  return space.bytes().size();
}

bool ConnectionBase::poll(Until until) const { return Use(core_.get(), Use::For::receiving, "poll")->poll(until); }

int ConnectionBase::fileno() const { return Use(core_.get(), Use::For::anything, "fileno")->fileno(); }

void ConnectionBase::close() const noexcept {
  if (core_ != nullptr) core_->close();
}

bool ConnectionBase::closed() const noexcept { return core_ == nullptr || core_->closed(); }
bool ConnectionBase::readable() const noexcept { return !closed() && core_->readable(); }
bool ConnectionBase::writable() const noexcept { return !closed() && core_->writable(); }

ConnectionBase::Travelling ConnectionBase::what_travels() const {
  const Use use(core_.get(), Use::For::anything, "send a connection");
  return {.transport = static_cast<std::uint8_t>(use->kind()),
          .end = 0,
          .readable = core_->readable(),
          .writable = core_->writable()};
}

std::span<const int> ConnectionBase::travelling_descriptors(std::span<int> space) const {
  const std::vector<int> descriptors = Use(core_.get(), Use::For::anything, "send a connection")->descriptors();
  std::ranges::copy(descriptors, space.begin());
  return space.first(descriptors.size());
}

std::span<int> ConnectionBase::arriving_descriptors(const Travelling& what, std::span<int> space) {
  if (what.transport > static_cast<std::uint8_t>(Transport::Kind::stream) || what.readable > 1 || what.writable > 1) {
    throw DecodeError("plait: a connection of no known kind");
  }
  return space.first(1);
}

void ConnectionBase::arrive(const Travelling& what, std::span<const int> descriptors) {
  os::FileDescriptor descriptor(descriptors[0]);
  std::unique_ptr<Transport> transport;
  if (static_cast<Transport::Kind>(what.transport) == Transport::Kind::pipe) {
    transport = std::make_unique<detail::PacketTransport>(std::move(descriptor));
  } else {
    transport = std::make_unique<detail::StreamTransport>(std::move(descriptor));
  }
  core_ = std::make_shared<ConnectionCore>(std::move(transport), what.readable != 0, what.writable != 0);
}

detail_of_pipe::Ends detail_of_pipe::make(PipeOptions options) {
  os::SocketPair pair = os::make_socket_pair();
  const auto end = [](os::FileDescriptor socket, bool readable, bool writable) {
    return std::make_shared<ConnectionCore>(std::make_unique<detail::PacketTransport>(std::move(socket)), readable,
                                            writable);
  };
  return {end(std::move(pair.first), true, options.duplex), end(std::move(pair.second), options.duplex, true)};
}

}  // namespace plait::multiprocessing
