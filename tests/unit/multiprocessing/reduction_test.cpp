// SPDX-License-Identifier: Apache-2.0
// Descriptors that travel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connection_helpers.hpp"
#include "plait/futures.hpp"
#include "plait/wire.hpp"

namespace plait::multiprocessing {
namespace {

using reduction::DupFd;
using testing::HasSubstr;

// A pipe of the system.
struct Tube {
  DupFd reader, writer;
  Tube() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::_Exit(77);
    reader = DupFd(ends[0], DupFd::adopt);
    writer = DupFd(ends[1], DupFd::adopt);
  }
};

void write_text(const DupFd& to, const std::string& text) {
  if (::write(to.fileno(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::_Exit(77);
}
// All until its end.
std::string read_text(const DupFd& from) {
  std::string all;
  char piece[100];
  for (ssize_t got = 0; (got = ::read(from.fileno(), piece, sizeof piece)) > 0;) {
    all.append(piece, static_cast<std::size_t>(got));
  }
  return all;
}
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(DupFd, OwnsItsDescriptor) {
  Tube tube;
  int number = -1;
  {
    const DupFd copy(tube.writer.fileno());
    number = copy.fileno();
    EXPECT_NE(number, tube.writer.fileno());
    EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC);
    const DupFd same = copy;  // NOLINT(performance-unnecessary-copy-initialization)
    EXPECT_EQ(same.fileno(), number);
    EXPECT_EQ(same, copy);
  }
  EXPECT_FALSE(is_open(number));
}

TEST(DupFd, RefusesWhatIsNotOpen) {
  expect_system_error(EBADF, "fcntl", [] { DupFd(-1); });
  expect_system_error(EBADF, "F_SETFD of descriptor -1", [] { DupFd(-1, DupFd::adopt); });
}

TEST(DupFd, DetachGivesTheDescriptorAway) {
  Tube tube;
  const int number = tube.reader.fileno();
  const int given = tube.reader.detach();
  EXPECT_EQ(given, number);
  EXPECT_FALSE(tube.reader);
  EXPECT_THROW(static_cast<void>(tube.reader.detach()), RuntimeError);
  ::close(given);
  DupFd copy = tube.writer;
  const int duplicate = copy.detach();
  EXPECT_NE(duplicate, tube.writer.fileno());
  EXPECT_TRUE(tube.writer);
  ::close(duplicate);
}

TEST(DupFd, EmptyOneTravelsAsSuch) {
  auto [a, b] = Pipe<DupFd>();
  a.send(DupFd());
  EXPECT_FALSE(b.recv());
}

TEST(DupFd, GoesWithAMessage) {
  auto [a, b] = Pipe();
  Tube tube;
  a.send(std::pair(std::string("the writer"), tube.writer));
  tube.writer = {};
  {
    const auto [text, writer] = b.recv<std::pair<std::string, DupFd>>();
    EXPECT_EQ(text, "the writer");
    EXPECT_EQ(::fcntl(writer.fileno(), F_GETFD), FD_CLOEXEC);
    write_text(writer, "hello");
  }
  EXPECT_EQ(read_text(tube.reader), "hello");
}

TEST(DupFd, ManyGoWithAMessageAndLargeOnesToo) {
  auto [a, b] = Pipe();
  Tube tube;
  a.send(std::pair(std::vector<DupFd>(300, tube.writer), std::string(1'000'000, 'x')));
  tube.writer = {};
  {
    const auto [writers, text] = b.recv<std::pair<std::vector<DupFd>, std::string>>();
    EXPECT_EQ(writers.size(), 300U);
    EXPECT_EQ(text.size(), 1'000'000U);
    for (const DupFd& writer : writers) write_text(writer, ".");
  }
  EXPECT_EQ(read_text(tube.reader), std::string(300, '.'));
}

TEST(DupFd, ThoseOfAMessageThatIsNeverReceivedAreClosed) {
  auto ends = std::optional(Pipe<DupFd>());
  Tube tube;
  ends->first.send(tube.writer);
  tube.writer = {};
  ends.reset();
  EXPECT_EQ(read_text(tube.reader), "");
}

TEST(DupFd, ThoseThatNobodyUnpacksAreClosed) {
  auto [a, b] = Pipe();
  Tube tube;
  a.send(std::pair(tube.writer, 1));
  tube.writer = {};
  EXPECT_THROW(static_cast<void>(b.recv<int>()), TypeError);
  EXPECT_EQ(read_text(tube.reader), "");
}

TEST(DupFd, TooFewDescriptorsLeftIsATypedError) {
  auto [a, b] = Pipe<DupFd>();
  Tube tube;
  a.send(tube.writer);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none{static_cast<rlim_t>(::dup(0)), limit.rlim_max};
  ::close(static_cast<int>(none.rlim_cur));
  ::setrlimit(RLIMIT_NOFILE, &none);
  expect_system_error(EMFILE, "recv", [&b = b] { static_cast<void>(b.recv()); });
  ::setrlimit(RLIMIT_NOFILE, &limit);
  a.send(tube.writer);
  EXPECT_TRUE(b.recv());
}

// ---- the general way
// -----------------------------------------------------------------------------------------------------

TEST(DupFd, WaitsUntilItIsFetched) {
  Tube tube;
  const auto bytes = wire::dumps(tube.writer);
  tube.writer = {};
  {
    const auto writer = wire::loads<DupFd>(bytes);
    write_text(writer, "fetched");
  }
  EXPECT_EQ(read_text(tube.reader), "fetched");
  expect_system_error(ECONNREFUSED, "has ended, or has taken it back",
                      [&] { static_cast<void>(wire::loads<DupFd>(bytes)); });
}

TEST(DupFd, TicketOfNobodyIsRefused) {
  auto bytes = wire::dumps(DupFd(0));
  auto other = bytes;
  other.back() ^= std::byte{1};  // another address
  expect_system_error(ECONNREFUSED, "has ended", [&] { static_cast<void>(wire::loads<DupFd>(other)); });
  other = bytes;
  other[1 + 16] ^= std::byte{1};  // the secret
  expect_system_error(ECONNREFUSED, "taken it back", [&] { static_cast<void>(wire::loads<DupFd>(other)); });
  EXPECT_TRUE(wire::loads<DupFd>(bytes));
  EXPECT_THROW(static_cast<void>(wire::loads<DupFd>(std::vector<std::byte>(33, std::byte{1}))), std::exception);
  std::vector<std::byte> none(33);
  none[0] = std::byte{1};
  EXPECT_THROW(static_cast<void>(wire::loads<DupFd>(none)), DecodeError);
}

class DescriptorsBetweenProcesses : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(DescriptorsBetweenProcesses);

TEST_P(DescriptorsBetweenProcesses, AreArgumentsOfAProcess) {
  Tube tube;
  Process child = started(
      [](DupFd writer, DupFd reader) {
        reader = {};
        write_text(writer, "from the child");
      },
      tube.writer, tube.reader);
  tube.writer = {};
  EXPECT_EQ(read_text(tube.reader), "from the child");
  child.join(long_enough);
  EXPECT_EQ(child.exitcode(), 0);
}

TEST_P(DescriptorsBetweenProcesses, SocketsTravelOverAConnection) {
  auto [here, there] = Pipe();
  Process child = started(
      [](Connection<> end) {
        const auto socket = end.recv<DupFd>();
        write_text(socket, "socket");
      },
      there);
  there.close();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  DupFd mine(ends[0], DupFd::adopt);
  here.send(DupFd(ends[1], DupFd::adopt));
  EXPECT_EQ(read_text(mine), "socket");
  child.join(long_enough);
}

void write_to(DupFd writer, std::string text) { write_text(writer, text); }
DupFd same(DupFd descriptor) { return descriptor; }

TEST_P(DescriptorsBetweenProcesses, AreArgumentsAndResultsOfTasksOfARunningPool) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  pool.submit([] {}).result(long_enough);
  Tube tube;
  pool.submit(write_to, tube.writer, "task").result(long_enough);
  DupFd back = pool.submit(same, tube.writer).result(long_enough);
  tube.writer = {};
  write_text(back, ", result");
  back = {};
  EXPECT_EQ(read_text(tube.reader), "task, result");
}

void write_what_comes(Queue<DupFd> queue, std::string text) { write_text(queue.get(), text); }

TEST_P(DescriptorsBetweenProcesses, AreItemsOfAQueue) {
  Queue<DupFd> queue;
  Process child = started(write_what_comes, queue, "from the queue");
  Tube tube;
  queue.put(tube.writer);
  tube.writer = {};
  EXPECT_EQ(read_text(tube.reader), "from the queue");
  child.join(long_enough);
  EXPECT_EQ(child.exitcode(), 0);
}

TEST_P(DescriptorsBetweenProcesses, OfASenderThatHasEndedAreATypedError) {
  Queue<DupFd> queue;
  Process child = started([](Queue<DupFd> to) { to.put(DupFd(0)); }, queue);
  child.join(long_enough);
  expect_system_error(ECONNREFUSED, "has ended", [&] { static_cast<void>(queue.get()); });
}

TEST_P(DescriptorsBetweenProcesses, OfATaskThatNeverRanAreTakenBack) {
  Tube tube;
  {
    futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
    auto [go, hold] = Pipe<int>();
    auto first = pool.submit([](Connection<int> gate) { static_cast<void>(gate.recv()); }, hold);
    auto second = pool.submit(write_to, tube.writer, "never");
    auto third = pool.submit(write_to, tube.writer, "never");
    third.cancel();
    second.cancel();
    go.send(1);
    first.result(long_enough);
  }
  tube.writer = {};
  EXPECT_EQ(read_text(tube.reader).find("nevernever"), std::string::npos);
}

}  // namespace
}  // namespace plait::multiprocessing
