// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/connection/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "multiprocessing/connection/connection_core.hpp"
#include "multiprocessing/connection/pipe_transport.hpp"
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

using detail::PipeTransport;

bool is_pipe(std::uint8_t transport) noexcept { return transport == static_cast<std::uint8_t>(Transport::Kind::pipe); }
PipeTransport::End pipe_end(std::uint8_t end) noexcept { return {.second = (end & 1) != 0, .duplex = (end & 2) != 0}; }

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

bool ConnectionBase::poll(const Until& until) const {
  return Use(core_.get(), Use::For::receiving, "poll")->poll(until);
}

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
          .end = use->end(),
          .readable = core_->readable(),
          .writable = core_->writable()};
}

std::span<const int> ConnectionBase::travelling_descriptors(std::span<int> space) const {
  const std::vector<int> descriptors = Use(core_.get(), Use::For::anything, "send a connection")->descriptors();
  std::ranges::copy(descriptors, space.begin());
  return space.first(descriptors.size());
}

std::span<int> ConnectionBase::arriving_descriptors(const Travelling& what, std::span<int> space) {
  const bool known = what.transport <= static_cast<std::uint8_t>(Transport::Kind::stream) && what.end <= 3 &&
                     what.readable <= 1 && what.writable <= 1;
  if (!known) throw DecodeError("plait: a connection of no known kind");
  return space.first(is_pipe(what.transport) ? pipe_end(what.end).descriptors() : 1);
}

void ConnectionBase::arrive(const Travelling& what, std::span<const int> numbers) {
  std::vector<os::FileDescriptor> descriptors;
  descriptors.reserve(numbers.size());
  for (const int number : numbers) descriptors.emplace_back(number);
  std::unique_ptr<Transport> transport;
  bool readable = what.readable != 0;
  bool writable = what.writable != 0;
  if (is_pipe(what.transport)) {
    const PipeTransport::End end = pipe_end(what.end);
    transport = std::make_unique<PipeTransport>(end, std::move(descriptors));
    readable = readable && end.receives();
    writable = writable && end.sends();
  } else {
    transport = std::make_unique<detail::StreamTransport>(std::move(descriptors[0]));
  }
  core_ = std::make_shared<ConnectionCore>(std::move(transport), readable, writable);
}

detail_of_pipe::Ends detail_of_pipe::make(PipeOptions options) {
  const PipeTransport::End first{.second = false, .duplex = options.duplex};
  const PipeTransport::End second{.second = true, .duplex = options.duplex};
  const auto memory = detail::PipeMemory::make(first.channels());
  os::SocketPair channel = os::make_socket_pair();
  os::SocketPair back;
  if (options.duplex) back = os::make_socket_pair();
  const auto end = [&](PipeTransport::End which, os::FileDescriptor to_first, os::FileDescriptor to_second) {
    return std::make_shared<ConnectionCore>(
        std::make_unique<PipeTransport>(which, memory, std::move(to_first), std::move(to_second)), which.receives(),
        which.sends());
  };
  return {end(first, std::move(channel.first), std::move(back.first)),
          end(second, std::move(channel.second), std::move(back.second))};
}

}  // namespace plait::multiprocessing
