// SPDX-License-Identifier: Apache-2.0
// Pipe() and Connection within one process: what each function promises.
#include <gmock/gmock.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

#include "connection_helpers.hpp"

namespace plait::multiprocessing {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

// ---- Pipe ----------------------------------------------------------------------------------------------------------

TEST(Pipe, IsDuplexByDefault) {
  auto [a, b] = Pipe<int>();
  a.send(1);
  b.send(2);
  EXPECT_EQ(b.recv(), 1);
  EXPECT_EQ(a.recv(), 2);
  EXPECT_TRUE(a.readable() && a.writable() && b.readable() && b.writable());
}

TEST(Pipe, OneWayGoesFromTheSecondEndToTheFirst) {
  auto [receiver, sender] = Pipe<std::string>({.duplex = false});
  EXPECT_TRUE(receiver.readable());
  EXPECT_FALSE(receiver.writable());
  EXPECT_FALSE(sender.readable());
  EXPECT_TRUE(sender.writable());
  sender.send("one way");
  EXPECT_EQ(receiver.recv(), "one way");
}

TEST(Pipe, WrongDirectionIsRefused) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  expect_system_error(EBADF, "connection is read-only", [&] { receiver.send(1); });
  expect_system_error(EBADF, "connection is read-only", [&] { receiver.send_bytes("x"); });
  expect_system_error(EBADF, "connection is write-only", [&] { static_cast<void>(sender.recv()); });
  expect_system_error(EBADF, "connection is write-only", [&] { static_cast<void>(sender.recv_bytes()); });
  expect_system_error(EBADF, "connection is write-only", [&] { static_cast<void>(sender.poll()); });
}

// ---- send, recv
// ------------------------------------------------------------------------------------------------------

struct Point {
  double x, y;
  std::optional<std::string> name;
  bool operator==(const Point&) const = default;
};

TEST(Connection, CarriesWhateverIsShippable) {
  auto [a, b] = Pipe();
  const std::map<std::string, std::vector<Point>> all{{"empty", {}}, {"two", {{1, 2, "p"}, {3, 4, std::nullopt}}}};
  a.send(all);
  a.send(3);
  a.send("text");
  a.send(std::variant<int, std::string>("alternative"));
  a.send(std::vector<double>{1.5, 2.5});
  EXPECT_EQ((b.recv<std::map<std::string, std::vector<Point>>>()), all);
  EXPECT_EQ(b.recv<int>(), 3);
  EXPECT_EQ(b.recv<std::string>(), "text");
  EXPECT_EQ((b.recv<std::variant<int, std::string>>()), (std::variant<int, std::string>("alternative")));
  EXPECT_EQ(b.recv<std::vector<double>>(), (std::vector{1.5, 2.5}));
}

TEST(Connection, TypedOneConvertsToItsType) {
  auto [a, b] = Pipe<std::string>();
  a.send("a literal");
  EXPECT_EQ(b.recv(), "a literal");
}

TEST(Connection, KeepsMessagesApartAndInOrder) {
  auto [a, b] = Pipe<std::string>();
  std::thread sender([&a = a] {
    for (int i = 0; i < 2000; ++i) a.send(std::string(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26)));
  });
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(b.recv(), std::string(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26)));
  }
  sender.join();
}

TEST(Connection, OtherTypeIsATypeErrorAndNotGarbage) {
  auto [a, b] = Pipe();
  a.send(7);
  EXPECT_THROW(static_cast<void>(b.recv<std::string>()), TypeError);
  a.send(7);
  EXPECT_THROW(static_cast<void>(b.recv<unsigned>()), TypeError);
  a.send_bytes("bytes");
  try {
    static_cast<void>(b.recv<int>());
    FAIL();
  } catch (const TypeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the message is no int, but was sent by send_bytes()"));
  }
  a.send(8);
  EXPECT_EQ(b.recv<int>(), 8) << "messages of a wrong type are gone, those after them are not";
}

TEST(Connection, TypeCanBeGivenLater) {
  auto [a, b] = Pipe();
  const Connection<int> typed(a);
  typed.send(5);
  EXPECT_EQ(Connection<int>(b).recv(), 5);
  EXPECT_EQ(typed, a);
}

struct Stubborn {
  template <class A>
  void serialize(A& ar) {
    if constexpr (!A::is_reading) throw std::runtime_error("will not travel");
    ar(number);
  }
  int number = 0;
};

TEST(Connection, WhatCannotBeEncodedIsNotSent) {
  auto [a, b] = Pipe();
  EXPECT_THROW(a.send(Stubborn{}), std::runtime_error);
  EXPECT_FALSE(b.poll());
  a.send(1);
  EXPECT_EQ(b.recv<int>(), 1);
}

struct Unreadable {
  template <class A>
  void serialize(A& ar) {
    ar(number);
    if constexpr (A::is_reading) throw std::runtime_error("cannot be read");
  }
  int number = 0;
};

TEST(Connection, WhatCannotBeDecodedFailsThatMessageOnly) {
  auto [a, b] = Pipe();
  a.send(Unreadable{});
  a.send(1);
  EXPECT_THROW(static_cast<void>(b.recv<Unreadable>()), std::runtime_error);
  EXPECT_EQ(b.recv<int>(), 1);
}

TEST(Connection, LargeMessagesDoNotWaitForTheOtherSide) {
  auto [a, b] = Pipe<std::string>();
  const std::string large(std::size_t{8} << 20, 'x');
  a.send(large);
  b.send(large);
  EXPECT_TRUE(a.recv() == large);
  EXPECT_TRUE(b.recv() == large);
}

TEST(Connection, SendWaitsWhileTheOtherSideLagsBehind) {
  auto [a, b] = Pipe<std::string>();
  constexpr int count = 20'000;
  const std::string text(100, 'x');
  std::atomic<int> sent = 0;
  std::thread sender([&, &a = a] {
    for (int i = 0; i < count; ++i) {
      a.send(text);
      ++sent;
    }
  });
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(b.recv(), text);
    ASSERT_LE(sent - i, 10'000) << "memory would not be bounded";
  }
  sender.join();
}

// ---- end of file
// -------------------------------------------------------------------------------------------------------

TEST(Connection, EndOfFileComesAfterWhatWasSentBefore) {
  auto [a, b] = Pipe<int>();
  a.send(1);
  a.close();
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv(), 1);
  EXPECT_TRUE(b.poll());
  EXPECT_THROW(static_cast<void>(b.recv()), EOFError);
  EXPECT_THROW(static_cast<void>(b.recv_bytes()), EOFError);
  std::array<std::byte, 1> room{};
  EXPECT_THROW(static_cast<void>(b.recv_bytes_into(room)), EOFError);
}

TEST(Connection, SendingToNobodyIsABrokenPipe) {
  auto [a, b] = Pipe<int>();
  b.close();
  for (int i = 0; i < 3; ++i) expect_system_error(EPIPE, "send", [&a = a] { a.send(1); });
  expect_system_error(EPIPE, "send", [&a = a] { a.send_bytes("x"); });
}

// Whoever receives may have left before the sender asks whether anybody is there.
TEST(Connection, SendingWhatTheLastReceiverTookIsNoBrokenPipe) {
  for (int i = 0; i < 3000; ++i) {
    auto [a, b] = Pipe<int>({.duplex = false});
    std::thread receives([&a = a, i] {
      EXPECT_EQ(a.recv(), i);
      a.close();
    });
    EXPECT_NO_THROW(b.send(i));
    receives.join();
    expect_system_error(EPIPE, "send", [&b = b] { b.send(0); });
  }
}

TEST(Connection, ReceiverWakesAtEndOfFile) {
  auto [a, b] = Pipe<int>();
  Beside waits([&b = b] { EXPECT_THROW(static_cast<void>(b.recv()), EOFError); });
  waits.wait_until_asleep();
  a.close();
  waits.join();
}

TEST(Connection, SenderThatWaitsForRoomWakesWhenTheOtherEndIsClosed) {
  auto [a, b] = Pipe<std::string>();
  Beside sends([&a = a] {
    expect_system_error(EPIPE, "send", [&a] {
      for (;;) a.send(std::string(1000, 'x'));
    });
  });
  sends.wait_until_asleep();
  b.close();
  sends.join();
}

TEST(Connection, DestroyingTheLastHandleClosesTheEnd) {
  std::optional<PipeEnds<int>> ends = Pipe<int>();
  Connection<int> kept = ends->first;
  std::optional<Connection<int>> copy = ends->second;
  ends.reset();
  EXPECT_FALSE(kept.poll());
  copy.reset();
  EXPECT_TRUE(kept.poll());
}

// ---- bytes
// -------------------------------------------------------------------------------------------------------------

TEST(Connection, BytesComeAsTheyWere) {
  auto [a, b] = Pipe();
  a.send_bytes("text");
  a.send_bytes("with\0zero"s);
  a.send_bytes(std::vector<std::uint16_t>{0x6161, 0x6262});
  a.send_bytes(std::array<char, 2>{'x', 'y'});
  EXPECT_EQ(b.recv_bytes(), "text");
  EXPECT_EQ(b.recv_bytes(), "with\0zero"s);
  EXPECT_EQ(b.recv_bytes(), "aabb");
  EXPECT_EQ(b.recv_bytes(), "xy");
}

TEST(Connection, EmptyMessagesAreMessages) {
  auto [a, b] = Pipe();
  a.send_bytes("");
  a.send_bytes("");
  a.send_bytes("x");
  EXPECT_EQ(b.recv_bytes(), "");
  EXPECT_TRUE(b.poll());
  EXPECT_EQ(b.recv_bytes(), "");
  EXPECT_EQ(b.recv_bytes(), "x");
}

TEST(Connection, SendBytesSendsAPart) {
  auto [a, b] = Pipe();
  a.send_bytes("abcdef", 2);
  a.send_bytes("abcdef", 2, 3);
  a.send_bytes("abcdef", 6);
  a.send_bytes("abcdef", 0, 0);
  EXPECT_EQ(b.recv_bytes(), "cdef");
  EXPECT_EQ(b.recv_bytes(), "cde");
  EXPECT_EQ(b.recv_bytes(), "");
  EXPECT_EQ(b.recv_bytes(), "");
  EXPECT_THROW(a.send_bytes("abcdef", -1), ValueError);
  EXPECT_THROW(a.send_bytes("abcdef", 7), ValueError);
  EXPECT_THROW(a.send_bytes("abcdef", 0, -1), ValueError);
  EXPECT_THROW(a.send_bytes("abcdef", 2, 5), ValueError);
  EXPECT_FALSE(b.poll());
}

TEST(Connection, RecvBytesGivesTheEncodingOfAValue) {
  auto [a, b] = Pipe();
  a.send(std::uint32_t{0x61626364});
  EXPECT_EQ(b.recv_bytes().size(), 4U);
}

TEST(Connection, LongerThanMaxlengthMakesADuplexEndUnreadable) {
  auto [a, b] = Pipe();
  a.send_bytes("12345");
  EXPECT_EQ(b.recv_bytes(5), "12345");
  EXPECT_THROW(static_cast<void>(b.recv_bytes(-1)), ValueError);
  a.send_bytes("12345");
  expect_system_error(EMSGSIZE, "a message of 5 bytes", [&b = b] { static_cast<void>(b.recv_bytes(4)); });
  EXPECT_FALSE(b.readable());
  EXPECT_FALSE(b.closed());
  expect_system_error(EBADF, "connection is write-only", [&b = b] { static_cast<void>(b.recv_bytes()); });
  b.send_bytes("still");
  EXPECT_EQ(a.recv_bytes(), "still");
}

TEST(Connection, LongerThanMaxlengthClosesAnEndThatOnlyReceives) {
  auto [receiver, sender] = Pipe({.duplex = false});
  sender.send_bytes("12345");
  expect_system_error(EMSGSIZE, "recv", [&receiver = receiver] { static_cast<void>(receiver.recv_bytes(4)); });
  EXPECT_TRUE(receiver.closed());
  expect_system_error(EPIPE, "send", [&sender = sender] { sender.send_bytes("x"); });
}

TEST(Connection, RecvBytesIntoFillsABuffer) {
  auto [a, b] = Pipe();
  std::string buffer = "..........";
  a.send_bytes("abc");
  EXPECT_EQ(b.recv_bytes_into(buffer), 3U);
  EXPECT_EQ(buffer, "abc.......");
  a.send_bytes("xyz");
  EXPECT_EQ(b.recv_bytes_into(buffer, 7), 3U);
  EXPECT_EQ(buffer, "abc....xyz");
  std::vector<int> numbers(3);
  a.send_bytes(std::vector{1, 2});
  EXPECT_EQ(b.recv_bytes_into(numbers, sizeof(int)), 2 * sizeof(int));
  EXPECT_EQ(numbers, (std::vector{0, 1, 2}));
  EXPECT_THROW(static_cast<void>(b.recv_bytes_into(buffer, -1)), ValueError);
  EXPECT_THROW(static_cast<void>(b.recv_bytes_into(buffer, 11)), ValueError);
}

TEST(Connection, BufferTooShortCarriesTheMessage) {
  auto [a, b] = Pipe();
  std::string buffer = "....";
  a.send_bytes("12345");
  a.send_bytes("next");
  try {
    static_cast<void>(b.recv_bytes_into(buffer, 1));
    FAIL();
  } catch (const BufferTooShort& error) {
    EXPECT_EQ(error.message(), "12345");
    EXPECT_STREQ(error.what(), "buffer too short for a message of 5 bytes");
  }
  EXPECT_EQ(buffer, "....");
  EXPECT_EQ(b.recv_bytes(), "next");
}

// ---- poll
// ------------------------------------------------------------------------------------------------------------------

TEST(Connection, PollLooksOrWaits) {
  auto [a, b] = Pipe<int>();
  EXPECT_FALSE(b.poll());
  EXPECT_FALSE(b.poll(0s));
  EXPECT_FALSE(b.poll(-1s));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(b.poll(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  a.send(1);
  EXPECT_TRUE(b.poll());
  EXPECT_TRUE(b.poll(Deadline::never()));
  EXPECT_TRUE(b.poll()) << "it takes nothing";
}

TEST(Connection, PollWakesWithAMessage) {
  auto [a, b] = Pipe<int>();
  Beside waits([&b = b] { EXPECT_TRUE(b.poll(long_enough)); });
  waits.wait_until_asleep();
  a.send(1);
  waits.join();
}

TEST(Connection, PollEndsWithAStop) {
  auto [a, b] = Pipe<int>();
  std::stop_source stop;
  Beside waits([&b = b, token = stop.get_token()] { EXPECT_FALSE(b.poll(token)); });
  waits.wait_until_asleep();
  stop.request_stop();
  waits.join();
  EXPECT_FALSE(b.poll(stop.get_token())) << "requested already";
}

// ---- close
// -----------------------------------------------------------------------------------------------------------------

TEST(Connection, ClosedEndRefusesEverything) {
  auto [a, b] = Pipe<int>();
  const Connection<int> copy = a;
  a.close();
  a.close();
  EXPECT_TRUE(a.closed());
  EXPECT_TRUE(copy.closed()) << "copies share the end";
  EXPECT_FALSE(a.readable());
  EXPECT_FALSE(a.writable());
  expect_system_error(EBADF, "handle is closed", [&a = a] { a.send(1); });
  expect_system_error(EBADF, "handle is closed", [&a = a] { static_cast<void>(a.recv()); });
  expect_system_error(EBADF, "handle is closed", [&a = a] { static_cast<void>(a.poll()); });
  expect_system_error(EBADF, "handle is closed", [&a = a] { static_cast<void>(a.fileno()); });
  expect_system_error(EBADF, "handle is closed", [&a = a] { a.send_bytes("x"); });
  expect_system_error(EBADF, "handle is closed", [&a = a] { static_cast<void>(a.recv_bytes()); });
}

TEST(Connection, DefaultIsAClosedEnd) {
  const Connection<int> none;
  EXPECT_TRUE(none.closed());
  none.close();
  expect_system_error(EBADF, "handle is closed", [&] { none.send(1); });
  expect_system_error(EBADF, "handle is closed", [&] { static_cast<void>(none.recv()); });
}

TEST(Connection, ClosingDuringACallOfAnotherThreadTakesEffectAfterIt) {
  auto [a, b] = Pipe<int>();
  Beside waits([&b = b] { EXPECT_EQ(b.recv(), 1); });
  waits.wait_until_asleep();
  b.close();
  EXPECT_TRUE(b.closed());
  a.send(1);
  waits.join();
  expect_system_error(EPIPE, "send", [&a = a] { a.send(2); });
}

// ---- fileno
// ----------------------------------------------------------------------------------------------------------------

bool can_be_read(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

TEST(Connection, FilenoCanBeReadExactlyWhilePollIsTrue) {
  auto [a, b] = Pipe<std::string>();
  const int fd = b.fileno();
  EXPECT_EQ(b.fileno(), fd);
  EXPECT_FALSE(can_be_read(fd));
  for (const std::size_t size : {0U, 10U, 100'000U, 5'000'000U}) {
    a.send(std::string(size, 'x'));
    a.send("second");
    EXPECT_TRUE(can_be_read(fd));
    EXPECT_EQ(b.recv().size(), size);
    EXPECT_TRUE(can_be_read(fd)) << "the second is there";
    EXPECT_EQ(b.recv(), "second");
    EXPECT_FALSE(can_be_read(fd));
  }
  a.close();
  EXPECT_TRUE(can_be_read(fd));
}

TEST(Connection, FilenoTellsOfWhatWasSentBefore) {
  auto [a, b] = Pipe<int>();
  a.send(1);
  a.send(2);
  const int fd = b.fileno();
  EXPECT_TRUE(can_be_read(fd));
  EXPECT_EQ(b.recv(), 1);
  EXPECT_TRUE(can_be_read(fd));
  EXPECT_EQ(b.recv(), 2);
  EXPECT_FALSE(can_be_read(fd));
}

TEST(Connection, FilenoOfASendersEndCannotBeRead) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  sender.send(1);
  EXPECT_FALSE(can_be_read(sender.fileno()));
}

// ---- many threads
// ------------------------------------------------------------------------------------------------------

TEST(Connection, SeveralSendersAndReceiversShareAnEnd) {
  auto [a, b] = Pipe<std::vector<int>>();
  constexpr int each = 3000;
  std::atomic<long> sum = 0;
  std::atomic<int> received = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&a = a, t] {
      for (int i = 0; i < each; ++i) a.send(std::vector<int>(static_cast<std::size_t>(1 + i % 50), t));
    });
    threads.emplace_back([&] {
      try {
        for (;;) {
          const std::vector<int> got = b.recv();
          sum += std::accumulate(got.begin(), got.end(), 0L);
          ++received;
        }
      } catch (const EOFError&) {
      }
    });
  }
  for (std::size_t t = 0; t < threads.size(); t += 2) threads[t].join();
  a.close();
  for (std::size_t t = 1; t < threads.size(); t += 2) threads[t].join();
  EXPECT_EQ(received, 3 * each);
  EXPECT_EQ(sum, 3L * (each / 50) * (50 * 51 / 2));
}

}  // namespace
}  // namespace plait::multiprocessing
