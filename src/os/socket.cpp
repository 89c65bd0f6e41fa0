// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "os/error.hpp"

namespace plait::os {
namespace {

union DescriptorSpace {
  cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(sizeof(int))];
};

union DescriptorsSpace {
  cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(sizeof(int) * most_descriptors)];
};

struct AbstractAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};
AbstractAddress abstract_address(std::string_view name) {
  AbstractAddress made;
  made.address.sun_family = AF_UNIX;
  if (name.size() + 1 > sizeof made.address.sun_path) throw_system_error(ENAMETOOLONG, "bind", std::string(name));
  std::ranges::copy(name, made.address.sun_path + 1);
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return made;
}

FileDescriptor make_packet_socket(int flags) {
  FileDescriptor made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!made) throw_system_error("socket", "AF_UNIX");
  return above_standard_streams(std::move(made));
}

int flags_for(Waiting waiting) noexcept { return waiting == Waiting::forbidden ? MSG_DONTWAIT : 0; }

}  // namespace

SocketPair make_socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_system_error("socketpair");
  SocketPair pair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  return {above_standard_streams(std::move(pair.first)), above_standard_streams(std::move(pair.second))};
}

int send_message(int socket, std::span<const std::byte> message, int descriptor, Waiting waiting) noexcept {
  iovec bytes{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  DescriptorSpace space{};
  if (descriptor >= 0) {
    header.msg_control = space.bytes;
    header.msg_controllen = sizeof space.bytes;
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(control), &descriptor, sizeof(int));
  }
  const auto sent =
      retry_interrupted([&]() noexcept { return sendmsg(socket, &header, MSG_NOSIGNAL | flags_for(waiting)); });
  return sent < 0 ? errno : 0;
}

Received receive_message(int socket, std::span<std::byte> buffer, Waiting waiting) noexcept {
  iovec bytes{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  DescriptorSpace space{};
  header.msg_control = space.bytes;
  header.msg_controllen = sizeof space.bytes;
  const auto size =
      retry_interrupted([&]() noexcept { return recvmsg(socket, &header, MSG_CMSG_CLOEXEC | flags_for(waiting)); });
  if (size < 0 && errno == EAGAIN) return {.result = Received::Result::nothing_yet, .descriptor = {}};
  if (size <= 0) return {.result = Received::Result::closed, .descriptor = {}};
  Received received{.result = Received::Result::message, .size = static_cast<std::size_t>(size), .descriptor = {}};
  received.descriptor_lost = (header.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(control), sizeof(int));
    received.descriptor.reset(descriptor);
  }
  return received;
}

int send_packet(int socket, std::span<const std::byte> head, std::span<const std::byte> body,
                std::span<const int> descriptors, Waiting waiting) noexcept {
  std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(head.data()), head.size()},
                             iovec{const_cast<std::byte*>(body.data()), body.size()}};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  DescriptorsSpace space;
  if (!descriptors.empty()) {
    std::memset(&space, 0, sizeof space);
    header.msg_control = space.bytes;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(control), descriptors.data(), descriptors.size_bytes());
  }
  const auto sent =
      retry_interrupted([&]() noexcept { return sendmsg(socket, &header, MSG_NOSIGNAL | flags_for(waiting)); });
  return sent < 0 ? errno : 0;
}

Packet receive_packet(int socket, std::span<std::byte> head, std::span<std::byte> body, std::size_t most,
                      Taking taking) {
  std::array<iovec, 2> parts{iovec{head.data(), head.size()}, iovec{body.data(), body.size()}};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  DescriptorsSpace space;
  Packet packet;
  if (most != 0) {
    packet.descriptors.reserve(most);  // so that nothing is thrown once they are here
    header.msg_control = space.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * most);
  }
  const int flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC | (taking == Taking::look ? MSG_PEEK : 0);
  auto size = retry_interrupted([&]() noexcept { return recvmsg(socket, &header, flags); });
  // The other end was closed before it had received all: said once, ahead of what it has sent.
  if (size < 0 && errno == ECONNRESET) {
    size = retry_interrupted([&]() noexcept { return recvmsg(socket, &header, flags); });
  }
  if (size < 0 && errno == EAGAIN) packet.result = Received::Result::nothing_yet;
  if (size <= 0) return packet;
  packet.result = Received::Result::message;
  packet.size = static_cast<std::size_t>(size);
  packet.descriptors_lost = (header.msg_flags & MSG_CTRUNC) != 0;
  if (most == 0) return packet;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      packet.descriptors.emplace_back(descriptor);
    }
  }
  return packet;
}

FileDescriptor listen_at(std::string_view name) {
  FileDescriptor listener = make_packet_socket(SOCK_NONBLOCK);
  const AbstractAddress at = abstract_address(name);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&at.address), at.size) != 0) throw_system_error("bind");
  if (listen(listener.get(), SOMAXCONN) != 0) throw_system_error("listen");
  return listener;
}

std::optional<FileDescriptor> accept_connection(int listener) {
  FileDescriptor accepted(
      retry_interrupted([&]() noexcept { return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); }));
  if (accepted) return above_standard_streams(std::move(accepted));
  if (errno == EAGAIN || errno == ECONNABORTED) return std::nullopt;
  throw_system_error("accept4");
}

void shut_down(int socket) noexcept { shutdown(socket, SHUT_RDWR); }

FileDescriptor connect_to(std::string_view name) {
  FileDescriptor socket = make_packet_socket(0);
  const AbstractAddress at = abstract_address(name);
  const int result = retry_interrupted(
      [&]() noexcept { return connect(socket.get(), reinterpret_cast<const sockaddr*>(&at.address), at.size); });
  if (result != 0) throw_system_error("connect");
  return socket;
}

std::optional<uid_t> user_of_peer(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

uid_t user_of_this_process() noexcept { return ::geteuid(); }

}  // namespace plait::os
