// SPDX-License-Identifier: Apache-2.0
// The fault list over pipes: M1, M3, Q3, R1, R9, S1. (Deaths at each step: pipe_sweep_test.cpp.)
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "belongings.hpp"
#include "fault_test.hpp"
#include "troubled.hpp"

namespace plait::faults {

using namespace multiprocessing;
using namespace std::chrono_literals;
using reduction::DupFd;

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
  PipeFaultM1() : ends_(Pipe<std::string>()), child_(start(echo_all, ends_.second, ends_.first)) {
    ends_.second.close();
  }
  ~PipeFaultM1() override { ends_.first.close(); }

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

TEST(PipeFaultM3, SerializersThatFailCostTheirMessage) {
  auto [receiver, sender] = Pipe<Troubled>({.duplex = false});
  EXPECT_THROW(sender.send({.when = When::encoded}), std::runtime_error);
  sender.send({.when = When::decoded, .ballast = std::string(200'000, 'b')});
  sender.send({.ballast = "c"});
  EXPECT_THROW(static_cast<void>(receiver.recv()), std::runtime_error);
  EXPECT_EQ(receiver.recv().ballast, "c");
}

// The signal that kills a forked process which does the deed, 0 if none does.
template <class Deed>
int signal_of(Deed deed) {
  const pid_t child = ::fork();
  if (child == 0) {
    deed();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(PipeFaultM3, SerializersThatKillCostTheirMessage) {
  for (const std::size_t size : {10U, 200'000U}) {
    auto [receiver, sender] = Pipe<Troubled>({.duplex = false});
    const auto deadly = [size](When when) {
      return Troubled{.when = when, .how = How::crashes, .ballast = std::string(size, 'x')};
    };
    const auto send_two = [&sender = sender, &deadly] {
      sender.send({.ballast = "first"});
      sender.send(deadly(When::encoded));
    };
    EXPECT_EQ(signal_of(send_two), SIGSEGV);
    sender.send({.ballast = "second"});
    sender.send(deadly(When::decoded));
    sender.send({.ballast = "third"});
    EXPECT_EQ(receiver.recv().ballast, "first");
    EXPECT_EQ(receiver.recv().ballast, "second");
    EXPECT_EQ(signal_of([&receiver = receiver] { static_cast<void>(receiver.recv()); }), SIGSEGV);
    EXPECT_EQ(receiver.recv().ballast, "third");
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

// ---- R9 ------------------------------------------------------------------------------------------------------------

// A pipe with a message of every kind in it, which nobody may receive; every hundredth has a sender that is killed.
void use_and_drop_pipe(int round) {
  auto [receiver, sender] = Pipe({.duplex = round % 2 == 0});
  const bool with_kill = round % 100 == 99;
  if (with_kill) {
    const auto send_until_dead = [&sender = sender] {
      for (int i = 0; i < 3; ++i) sender.send(std::string(20'000, 'x'));
      sender.send(std::vector<DupFd>(2, DupFd(0)));
      ::kill(::getpid(), SIGKILL);
    };
    EXPECT_EQ(signal_of(send_until_dead), SIGKILL);
  }
  sender.send(round);
  sender.send(DupFd(0));
  if (round % 10 == 0) sender.send(pattern(300'000));  // goes another way than through the ring
  if (with_kill) {
    EXPECT_EQ(receiver.recv<std::string>().size(), 20'000U);
  } else if (round % 2 == 0) {
    EXPECT_EQ(receiver.recv<int>(), round);
  }
  if (round % 3 == 0) receiver.close();
}

TEST(PipeFaultR9, PipesMadeAndDropped) {
  const int rounds = soak() ? 100'000 : sanitized ? 1'000 : 10'000;
  for (int round = 0; round < 200; ++round) use_and_drop_pipe(round);
  const Belongings before;
  for (int round = 0; round < rounds; ++round) use_and_drop_pipe(round);
  expect_no_more_than(before);
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
  Process maker = start(make_pipe_and_die, there);
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
