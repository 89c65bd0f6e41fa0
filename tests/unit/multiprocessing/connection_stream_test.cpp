// SPDX-License-Identifier: Apache-2.0
// Connections over descriptors that the user brings, framed as Python's; and wait() over anything.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "connection_helpers.hpp"

namespace plait::multiprocessing {
namespace {

using namespace std::string_literals;
using reduction::DupFd;

std::pair<int, int> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::_Exit(77);
  return {ends[0], ends[1]};
}
std::pair<int, int> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::_Exit(77);
  return {ends[0], ends[1]};
}
void write_raw(int fd, const std::string& bytes) {
  if (::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::_Exit(77);
}

TEST(StreamConnection, InvalidHandlesAreRefused) {
  EXPECT_THROW(Connection<>(-1), ValueError);
  EXPECT_THROW(Connection<>(-44), ValueError);
  EXPECT_THROW(Connection<>(0, false, false), ValueError);
}

TEST(StreamConnection, SpeaksPythonsFraming) {
  const auto [raw, mine] = make_socket_pair();
  const DupFd other(raw, DupFd::adopt);
  const Connection<> connection(mine);
  connection.send_bytes("hello");
  connection.send_bytes("");
  char got[13];
  ASSERT_EQ(::recv(raw, got, sizeof got, MSG_WAITALL), 13);
  EXPECT_EQ(std::string(got, sizeof got), "\0\0\0\5hello\0\0\0\0"s);
  write_raw(raw, "\0\0\0\3abc"s + "\xff\xff\xff\xff\0\0\0\0\0\0\0\2xy"s);
  EXPECT_EQ(connection.recv_bytes(), "abc");
  EXPECT_EQ(connection.recv_bytes(), "xy");
}

TEST(StreamConnection, CarriesValuesAndLargeMessages) {
  const auto [first, second] = make_socket_pair();
  const Connection<> a(first), b(second);
  EXPECT_EQ(a.fileno(), first);
  a.send(std::vector<double>{1, 2, 3});
  EXPECT_EQ(b.recv<std::vector<double>>(), (std::vector<double>{1, 2, 3}));
  const std::string large(3'000'000, 'x');
  Beside sends([&] { a.send_bytes(large); });
  EXPECT_TRUE(b.recv_bytes() == large);
  sends.join();
  a.send(1);
  EXPECT_THROW(static_cast<void>(b.recv<long>()), TypeError);
  a.send_bytes("12345678901234567890");
  EXPECT_THROW(static_cast<void>(b.recv<int>()), TypeError);
}

TEST(StreamConnection, DirectionsAreTheUsersWord) {
  const auto [reading, writing] = make_pipe();
  const Connection<> reader(reading, true, false), writer(writing, false, true);
  EXPECT_FALSE(reader.writable());
  EXPECT_FALSE(writer.readable());
  writer.send_bytes("through a pipe");
  EXPECT_TRUE(reader.poll(long_enough));
  EXPECT_EQ(reader.recv_bytes(), "through a pipe");
  EXPECT_FALSE(reader.poll());
  expect_system_error(EBADF, "connection is read-only", [&, &reader = reader] { reader.send_bytes("x"); });
  writer.send_bytes("12345");
  expect_system_error(EMSGSIZE, "recv", [&, &reader = reader] { static_cast<void>(reader.recv_bytes(4)); });
  EXPECT_TRUE(reader.closed());
}

TEST(StreamConnection, EndOfFileWithinAMessageIsNotAnEnd) {
  const auto [raw, mine] = make_socket_pair();
  const Connection<> connection(mine);
  write_raw(raw, "\0\0\0\3abc\0\0\0\5he"s);
  ::close(raw);
  EXPECT_EQ(connection.recv_bytes(), "abc");
  expect_system_error(ECONNRESET, "within a message", [&] { static_cast<void>(connection.recv_bytes()); });
  EXPECT_THROW(static_cast<void>(connection.recv_bytes()), EOFError);
}

TEST(StreamConnection, BrokenPipeIsAnErrorAndNoSignal) {
  const auto [reading, writing] = make_pipe();
  const Connection<> writer(writing, false, true);
  ::close(reading);
  expect_system_error(EPIPE, "send", [&] { writer.send_bytes("x"); });
  const auto [raw, mine] = make_socket_pair();
  const Connection<> connection(mine);
  ::close(raw);
  expect_system_error(EPIPE, "send", [&] { connection.send_bytes("x"); });
}

TEST(StreamConnection, NegativeLengthIsNonsense) {
  const auto [raw, mine] = make_socket_pair();
  const DupFd other(raw, DupFd::adopt);
  const Connection<> connection(mine);
  write_raw(raw, "\xf0\0\0\0"s);
  EXPECT_THROW(static_cast<void>(connection.recv_bytes()), DecodeError);
}

TEST(StreamConnection, TravelsToo) {
  const auto [first, second] = make_socket_pair();
  const Connection<> stream(first);
  const Connection<> kept(second);
  auto [a, b] = Pipe();
  a.send(stream);
  stream.close();
  const auto arrived = b.recv<Connection<>>();
  arrived.send("over the stream");
  EXPECT_EQ(kept.recv<std::string>(), "over the stream");
}

TEST(StreamConnection, ClosedOneDoesNotTravel) {
  auto [a, b] = Pipe();
  const Connection<int> closed;
  expect_system_error(EBADF, "handle is closed", [&, &a = a] { a.send(closed); });
  EXPECT_FALSE(b.poll());
}

// ---- wait
// --------------------------------------------------------------------------------------------------------------

TEST(Wait, ReturnsWhatIsReadyInOrder) {
  auto [a, b] = Pipe<int>();
  auto [c, d] = Pipe<int>();
  const auto [raw, other] = make_socket_pair();
  const DupFd socket(raw, DupFd::adopt), its_peer(other, DupFd::adopt);
  EXPECT_TRUE(connection::wait({b, d, socket}, 0s).empty());
  EXPECT_TRUE(connection::wait({b, d, socket}, -1s).empty());
  write_raw(other, "x");
  c.send(1);
  const std::vector<Waitable> ready = connection::wait({b, d, socket});
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_TRUE(ready[0] == d);
  EXPECT_TRUE(ready[1] == socket);
  EXPECT_FALSE(ready[0] == b);
  EXPECT_EQ(connection::wait({other, raw}, 0s), std::vector<Waitable>{raw});
}

TEST(Wait, OfOneTypeReturnsTheObjects) {
  auto [a, b] = Pipe<int>();
  auto [c, d] = Pipe<int>();
  const std::vector ends{b, d};
  c.send(7);
  const std::vector<Connection<int>> ready = connection::wait(ends, long_enough);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].recv(), 7);
}

TEST(Wait, TimeoutAndStopEndIt) {
  auto [a, b] = Pipe<int>();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(connection::wait({b}, 20ms).empty());
  EXPECT_TRUE(connection::wait(std::vector<Waitable>(), 20ms).empty()) << "of nothing waits for the time alone";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 40ms);
  std::stop_source stop;
  Beside waits([&b = b, token = stop.get_token()] { EXPECT_TRUE(connection::wait({b}, token).empty()); });
  waits.wait_until_asleep();
  stop.request_stop();
  waits.join();
}

TEST(Wait, WakesWithAMessageAndAtTheEndOfFile) {
  auto [a, b] = Pipe<std::string>();
  for (const std::size_t size : {1U, 1'000'000U}) {
    Beside waits([&b = b] { EXPECT_EQ(connection::wait({b}, long_enough).size(), 1U); });
    waits.wait_until_asleep();
    a.send(std::string(size, 'x'));
    waits.join();
    EXPECT_EQ(b.recv().size(), size);
  }
  Beside waits([&b = b] { EXPECT_EQ(connection::wait({b}, long_enough).size(), 1U); });
  waits.wait_until_asleep();
  a.close();
  waits.join();
}

TEST(Wait, RefusesWhatIsNotOpen) {
  expect_system_error(EBADF, "wait", [] { static_cast<void>(connection::wait({-1}, 0s)); });
  expect_system_error(EBADF, "descriptor 19999", [] { static_cast<void>(connection::wait({19'999}, 0s)); });
  auto [a, b] = Pipe<int>();
  b.close();
  expect_system_error(EBADF, "handle is closed", [&b = b] { static_cast<void>(connection::wait({b}, 0s)); });
}

void do_nothing(int) {}

TEST(Wait, SignalsDoNotEndIt) {
  auto [a, b] = Pipe<int>();
  struct sigaction act {
  }, before{};
  act.sa_handler = do_nothing;
  ::sigaction(SIGUSR1, &act, &before);
  pthread_t self{};
  std::atomic<bool> there = false;
  Beside waits([&, &b = b] {
    self = ::pthread_self();
    there = true;
    EXPECT_EQ(b.recv(), 1);
    EXPECT_EQ(connection::wait({b}, long_enough).size(), 1U);
    EXPECT_TRUE(b.poll(long_enough));
  });
  while (!there) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    waits.wait_until_asleep();
    ::pthread_kill(self, SIGUSR1);
    if (i == 10) a.send(1);
  }
  a.send(2);
  waits.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace plait::multiprocessing
