// SPDX-License-Identifier: Apache-2.0
// The fault list over pipes: M1, M3, Q3, R1, S1. (Deaths at each step: pipe_sweep_test.cpp.)
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "fault_test.hpp"

namespace plait::faults {

using namespace multiprocessing;
using namespace std::chrono_literals;
using reduction::DupFd;

namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

// No two parts of it are the same.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint64_t state = size + 1;
  for (std::size_t i = 0; i < size; i += sizeof state) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::memcpy(text.data() + i, &state, std::min(sizeof state, size - i));
  }
  return text;
}

}  // namespace

// ---- M1 ------------------------------------------------------------------------------------------------------------

void echo_all(Connection<std::string> end, Connection<std::string> other) {
  other.close();  // a child by fork has it
  try {
    for (;;) end.send(end.recv());
  } catch (const EOFError&) {
  }
}

class PipeFaultM1 : public OverStartMethods {
 protected:
  PipeFaultM1() : ends_(Pipe<std::string>()), child_(options(), echo_all, ends_.second, ends_.first) {
    child_.start();
    ends_.second.close();
  }
  ~PipeFaultM1() override { ends_.first.close(); }

  static Process::Options options() { return {.name = {}, .daemon = {}, .context = get_context(GetParam())}; }

  void expect_echo(std::size_t size) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    const std::string sent = pattern(size);
    ends_.first.send(sent);
    const std::string got = ends_.first.recv();
    EXPECT_EQ(got.size(), size);
    EXPECT_TRUE(got == sent);
  }

  PipeEnds<std::string> ends_;
  Process child_;
};
PLAIT_OVER_START_METHODS(PipeFaultM1, "forkserver", "spawn", "fork");

TEST_P(PipeFaultM1, MessagesOfAllSizes) {
  for (std::size_t size = 0; size <= 300; ++size) expect_echo(size);
  for (const std::size_t around : {4 * KiB, 32 * KiB, 64 * KiB, 256 * KiB, MiB}) {
    for (const std::size_t size : {around - 33, around - 1, around, around + 1}) expect_echo(size);
  }
  expect_echo(20 * MiB + 7);
}

TEST_P(PipeFaultM1, MessagesOfGigabytes) {
  if (!soak()) GTEST_SKIP() << "takes minutes and 10 GiB: PLAIT_SOAK";
  for (const std::size_t size : {2 * GiB - 1, 2 * GiB, 3 * GiB, 4 * GiB + 5}) expect_echo(size);
}

// ---- M3 ------------------------------------------------------------------------------------------------------------

enum class Failure : std::uint8_t { none, throws_when_written, dies_when_written, throws_when_read, dies_when_read };

struct Fragile {
  template <class A>
  void serialize(A& ar) {
    ar(failure, text);
    const Failure thrown = A::is_reading ? Failure::throws_when_read : Failure::throws_when_written;
    const Failure deadly = A::is_reading ? Failure::dies_when_read : Failure::dies_when_written;
    if (failure == thrown) throw std::runtime_error("the serializer fails");
    if (failure == deadly && ::getpid() != survivor) ::kill(::getpid(), SIGKILL);
  }
  static inline pid_t survivor = ::getpid();
  Failure failure = Failure::none;
  std::string text;
};

TEST(PipeFaultM3, SerializersThatFailCostTheirMessage) {
  auto [receiver, sender] = Pipe<Fragile>({.duplex = false});
  EXPECT_THROW(sender.send({Failure::throws_when_written, "a"}), std::runtime_error);
  sender.send({Failure::throws_when_read, std::string(200'000, 'b')});
  sender.send({Failure::none, "c"});
  EXPECT_THROW(static_cast<void>(receiver.recv()), std::runtime_error);
  EXPECT_EQ(receiver.recv().text, "c");
}

TEST(PipeFaultM3, SerializersThatKillCostTheirMessage) {
  for (const std::size_t size : {10U, 200'000U}) {
    auto [receiver, sender] = Pipe<Fragile>({.duplex = false});
    const pid_t child = ::fork();
    if (child == 0) {
      sender.send({Failure::none, "first"});
      sender.send({Failure::dies_when_written, std::string(size, 'x')});
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    sender.send({Failure::none, "second"});
    sender.send({Failure::dies_when_read, std::string(size, 'x')});
    sender.send({Failure::none, "third"});
    EXPECT_EQ(receiver.recv().text, "first");
    EXPECT_EQ(receiver.recv().text, "second");
    const pid_t reader = ::fork();
    if (reader == 0) {
      static_cast<void>(receiver.recv());
      ::_exit(0);
    }
    ::waitpid(reader, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(receiver.recv().text, "third");
  }
}

// ---- Q3 ------------------------------------------------------------------------------------------------------------

// A writer that is stopped at any moment, within a message too, holds up nobody who has a deadline.
TEST(PipeFaultQ3, PollEndsAtItsDeadlineWhileAWriterIsStopped) {
  auto [here, there] = Pipe<std::string>();
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text(60'000, 'x');
    for (;;) {
      static_cast<void>(there.recv());
      there.send(text);
    }
  }
  for (int round = 0; round < 300; ++round) {
    here.send("go");
    for (int wait = 0; wait < round; ++wait) ::getppid();  // to meet it somewhere else each time
    ::kill(child, SIGSTOP);
    int status = 0;
    ::waitpid(child, &status, WUNTRACED);
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(here.poll());
    static_cast<void>(here.poll(2ms));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, T);
    ::kill(child, SIGCONT);
    EXPECT_EQ(here.recv().size(), 60'000U);
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
}

// ---- R1 ------------------------------------------------------------------------------------------------------------

class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next) + more, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

template <class Act>
void expect_too_many(Act act) {
  try {
    act();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EMFILE) << error.what();
  }
}

TEST(PipeFaultR1, TooFewDescriptorsAreATypedErrorAndLoseNothing) {
  if (sanitized) GTEST_SKIP() << "sanitizers need descriptors of their own";
  for (rlim_t left = 0; left < 5; ++left) {
    const DescriptorLimit limit(left);
    expect_too_many([] { static_cast<void>(Pipe<int>()); });
  }
  auto [receiver, sender] = Pipe({.duplex = false});
  sender.send(std::vector<DupFd>(3, DupFd(0)));
  sender.send(std::string(1'000'000, 'x'));
  for (rlim_t left = 0; left < 3; ++left) {
    const DescriptorLimit limit(left);
    expect_too_many([&receiver = receiver] { static_cast<void>(receiver.recv<std::vector<DupFd>>()); });
  }
  EXPECT_EQ(receiver.recv<std::vector<DupFd>>().size(), 3U) << "it was still there";
  {
    const DescriptorLimit limit(0);
    expect_too_many([&receiver = receiver] { static_cast<void>(receiver.recv<std::string>()); });
    expect_too_many([&sender = sender] { sender.send(std::string(1'000'000, 'y')); });
    sender.send(7);
  }
  EXPECT_EQ(receiver.recv<std::string>().size(), 1'000'000U);
  EXPECT_EQ(receiver.recv<int>(), 7);
}

// ---- S1 ------------------------------------------------------------------------------------------------------------

void make_pipe_and_die(Connection<> to) {
  auto [a, b] = Pipe<std::string>();
  to.send(a);
  to.send(b);
  a.send("from the dead");
  ::kill(::getpid(), SIGKILL);
}

class PipeFaultS1 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(PipeFaultS1, "forkserver", "spawn", "fork");

TEST_P(PipeFaultS1, PipeOutlivesWhoHasMadeIt) {
  auto [here, there] = Pipe();
  Process maker(Process::Options{.name = {}, .daemon = {}, .context = get_context(GetParam())}, make_pipe_and_die,
                there);
  maker.start();
  maker.join();
  auto a = here.recv<Connection<std::string>>();
  const auto b = here.recv<Connection<std::string>>();
  EXPECT_EQ(b.recv(), "from the dead");
  a.send("still");
  EXPECT_EQ(b.recv(), "still");
  a.close();
  EXPECT_THROW(static_cast<void>(b.recv()), EOFError);
}

}  // namespace plait::faults
