// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "os/error.hpp"

namespace plait::os {
namespace {

union DescriptorSpace {
  cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(sizeof(int))];
};

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

}  // namespace plait::os
