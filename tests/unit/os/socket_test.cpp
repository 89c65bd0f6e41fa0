// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace plait::os {
namespace {

using Result = Received::Result;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Socket, KeepsMessagesApart) {
  const SocketPair pair = make_socket_pair();
  ASSERT_EQ(send_message(pair.first.get(), bytes("one"), -1, Waiting::allowed), 0);
  ASSERT_EQ(send_message(pair.first.get(), bytes("three"), -1, Waiting::allowed), 0);
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(receive_message(pair.second.get(), buffer, Waiting::allowed).size, 3U);
  EXPECT_EQ(receive_message(pair.second.get(), buffer, Waiting::allowed).size, 5U);
  EXPECT_EQ(receive_message(pair.second.get(), buffer, Waiting::forbidden).result, Result::nothing_yet);
}

TEST(Socket, CarriesADescriptor) {
  const SocketPair pair = make_socket_pair();
  const FileDescriptor event = make_event();
  ASSERT_EQ(send_message(pair.first.get(), bytes("x"), event.get(), Waiting::allowed), 0);
  std::array<std::byte, 64> buffer;
  const Received received = receive_message(pair.second.get(), buffer, Waiting::allowed);
  ASSERT_TRUE(received.descriptor);
  EXPECT_FALSE(received.descriptor_lost);
  EXPECT_NE(fcntl(received.descriptor.get(), F_GETFD) & FD_CLOEXEC, 0);
  raise_event(received.descriptor.get());
  clear_event(event.get());  // the same counter
}

TEST(Socket, SaysWhenThereIsNoRoomForTheDescriptor) {
  const SocketPair pair = make_socket_pair();
  ASSERT_EQ(send_message(pair.first.get(), bytes("x"), STDERR_FILENO, Waiting::allowed), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{3, 3};
    setrlimit(RLIMIT_NOFILE, &none);
    std::array<std::byte, 64> buffer;
    const Received received = receive_message(pair.second.get(), buffer, Waiting::allowed);
    _exit(received.descriptor_lost && !received.descriptor && received.size == 1 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Socket, EndComesAfterWhatWasSent) {
  SocketPair pair = make_socket_pair();
  ASSERT_EQ(send_message(pair.first.get(), bytes("last words"), -1, Waiting::allowed), 0);
  pair.first.reset();
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(receive_message(pair.second.get(), buffer, Waiting::allowed).size, 10U);
  EXPECT_EQ(receive_message(pair.second.get(), buffer, Waiting::allowed).result, Result::closed);
  EXPECT_EQ(send_message(pair.second.get(), bytes("x"), -1, Waiting::allowed), EPIPE);  // and no SIGPIPE
}

TEST(Socket, FullIsNotAnEnd) {
  const SocketPair pair = make_socket_pair();
  int error = 0;
  while (error == 0) error = send_message(pair.first.get(), bytes("x"), -1, Waiting::forbidden);
  EXPECT_EQ(error, EAGAIN);
}

}  // namespace
}  // namespace plait::os
