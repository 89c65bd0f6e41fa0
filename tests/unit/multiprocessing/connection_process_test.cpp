// SPDX-License-Identifier: Apache-2.0
// Connections between processes, over every start method; and what happens when one of them dies.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "connection_helpers.hpp"
#include "plait/futures.hpp"
#include "support/in_child.hpp"

namespace plait::multiprocessing {
namespace {

class ConnectionBetweenProcesses : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(ConnectionBetweenProcesses);

void echo_until_end(Connection<std::string> end) {
  try {
    for (;;) end.send(end.recv());
  } catch (const EOFError&) {
  }
}

// A child made by fork has the parent's ends too, and would never see the end of what it receives.
void echo_until_closed(Connection<std::string> end, Connection<std::string> other) {
  other.close();
  echo_until_end(end);
}

TEST_P(ConnectionBetweenProcesses, IsAnArgument) {
  auto [here, there] = Pipe<std::string>();
  Process child = started(echo_until_closed, there, here);
  there.close();
  for (const std::size_t size : {0U, 1U, 100U, 65'535U, 65'536U, 65'537U, 3'000'000U}) {
    const std::string text(size, 'x');
    here.send(text);
    EXPECT_TRUE(here.recv() == text);
  }
  here.close();
  child.join(long_enough);
  EXPECT_EQ(child.exitcode(), 0);
}

TEST_P(ConnectionBetweenProcesses, EndOfFileComesWhenTheChildHasEnded) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  Process child = started(
      [](Connection<int> end) {
        end.send(1);
        end.send(2);
      },
      sender);
  sender.close();
  EXPECT_EQ(receiver.recv(), 1);
  EXPECT_EQ(receiver.recv(), 2);
  EXPECT_THROW(static_cast<void>(receiver.recv()), EOFError);
  child.join(long_enough);
}

void speak_and_wait(Connection<int> end) {
  end.send(1);
  for (;;) ::pause();
}

TEST_P(ConnectionBetweenProcesses, EndOfFileComesWhenTheChildIsKilled) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  Process child = started(speak_and_wait, sender);
  sender.close();
  EXPECT_EQ(receiver.recv(), 1);
  Beside kills([&] { child.kill(); });
  EXPECT_THROW(static_cast<void>(receiver.recv()), EOFError);
  kills.join();
  child.join(long_enough);
}

TEST_P(ConnectionBetweenProcesses, SendingToAKilledChildIsABrokenPipe) {
  auto [here, there] = Pipe<int>();
  Process child = started(speak_and_wait, there);
  there.close();
  EXPECT_EQ(here.recv(), 1);
  child.kill();
  child.join(long_enough);
  expect_system_error(EPIPE, "send", [&here = here] { here.send(1); });
}

TEST_P(ConnectionBetweenProcesses, WhatAChildHasSentOutlivesIt) {
  auto [receiver, sender] = Pipe<std::string>({.duplex = false});
  Process child = started(
      [](Connection<std::string> end) {
        end.send("small");
        end.send(std::string(1'000'000, 'l'));
      },
      sender);
  sender.close();
  child.join(long_enough);
  EXPECT_EQ(receiver.recv(), "small");
  EXPECT_TRUE(receiver.recv() == std::string(1'000'000, 'l'));
  EXPECT_THROW(static_cast<void>(receiver.recv()), EOFError);
}

TEST_P(ConnectionBetweenProcesses, TravelsOverAConnection) {
  auto [here, there] = Pipe();
  Process child = started(
      [](Connection<> end) {
        const auto inner = end.recv<Connection<std::string>>();
        inner.send("through the inner one");
        EXPECT_EQ(inner.recv(), "and back");
      },
      there);
  there.close();
  auto [mine, its] = Pipe<std::string>();
  here.send(its);
  its.close();
  EXPECT_EQ(mine.recv(), "through the inner one");
  mine.send("and back");
  EXPECT_THROW(static_cast<void>(mine.recv()), EOFError);
  child.join(long_enough);
  EXPECT_EQ(child.exitcode(), 0);
}

TEST_P(ConnectionBetweenProcesses, SeveralProcessesShareAnEnd) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  constexpr int each = 500;
  std::vector<Process> children;
  for (int c = 0; c < 3; ++c) {
    children.push_back(started(
        [](Connection<int> end) {
          for (int i = 0; i < each; ++i) end.send(i);
        },
        sender));
  }
  sender.close();
  int count = 0;
  long sum = 0;
  try {
    for (;; ++count) sum += receiver.recv();
  } catch (const EOFError&) {
  }
  EXPECT_EQ(count, 3 * each);
  EXPECT_EQ(sum, 3L * each * (each - 1) / 2);
}

// ---- wait
// --------------------------------------------------------------------------------------------------------------

TEST_P(ConnectionBetweenProcesses, WaitTellsOfConnectionsAndProcesses) {
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  auto [go, hold] = Pipe<int>();
  Process child = started(
      [](Connection<int> end, Connection<int> gate) {
        static_cast<void>(gate.recv());
        end.send(1);
        static_cast<void>(gate.recv());
      },
      sender, hold);
  sender.close();
  EXPECT_TRUE(connection::wait({receiver, child}, 0s).empty());
  go.send(1);
  const std::vector<Waitable> first = connection::wait({receiver, child}, long_enough);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(first[0] == receiver);
  EXPECT_FALSE(first[0] == child);
  EXPECT_EQ(receiver.recv(), 1);
  go.send(2);
  const std::vector<Waitable> second = connection::wait({child.sentinel()}, long_enough);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_TRUE(second[0] == child);
  child.join();
  EXPECT_EQ(connection::wait({receiver, child}, 0s).size(), 2U) << "the end of file counts";
}

// ---- tasks of pools
// ----------------------------------------------------------------------------------------------------

int echo_one(Connection<int> end) {
  const int number = end.recv();
  end.send(number + 1);
  return number;
}

Connection<int> give_back(Connection<int> end) { return end; }

TEST_P(ConnectionBetweenProcesses, IsAnArgumentOfATaskOfARunningPool) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  pool.submit([] {}).result(long_enough);  // it runs
  for (int i = 0; i < 3; ++i) {
    auto [here, there] = Pipe<int>();
    auto future = pool.submit(echo_one, there);
    there.close();
    here.send(i);
    EXPECT_EQ(here.recv(), i + 1);
    EXPECT_EQ(future.result(long_enough), i);
    EXPECT_THROW(static_cast<void>(here.recv()), EOFError);
  }
}

TEST_P(ConnectionBetweenProcesses, IsAResultOfATask) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  auto [here, there] = Pipe<int>();
  auto future = pool.submit(give_back, there);
  there.close();
  const Connection<int> back = future.result(long_enough);
  here.send(5);
  EXPECT_EQ(back.recv(), 5);
}

std::string receive_too_much(Connection<std::string> end) {
  std::string room(2, '.');
  static_cast<void>(end.recv_bytes_into(room));
  return room;
}

TEST_P(ConnectionBetweenProcesses, BufferTooShortKeepsItsMessageOnItsWay) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  auto [here, there] = Pipe<std::string>();
  here.send_bytes("four");
  try {
    static_cast<void>(pool.submit(receive_too_much, there).result(long_enough));
    FAIL();
  } catch (const BufferTooShort& error) {
    EXPECT_EQ(error.message(), "four");
  }
}

// ---- forked by the program itself
// --------------------------------------------------------------------------------------

TEST(ConnectionAfterFork, WorksInBothProcesses) {
  auto [here, there] = Pipe<std::string>();
  const pid_t child = os::fork();
  if (child == 0) {
    here.close();
    there.send(std::string(200'000, 'f'));
    ::_exit(there.recv() == "bye" ? 0 : 1);
  }
  there.close();
  EXPECT_EQ(here.recv().size(), 200'000U);
  here.send("bye");
  EXPECT_THROW(static_cast<void>(here.recv()), EOFError);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace plait::multiprocessing
