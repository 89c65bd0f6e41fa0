// SPDX-License-Identifier: Apache-2.0
// Q2 of the fault list for pipes: a sender, and a receiver, is killed at every step. Others hold the same ends, so the
// kernel tells nobody; still they go on, and at most the message in its hands is lost. Built with a plait that has kill
// points (src/os/kill_point.hpp).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "os/kill_point.hpp"
#include "plait/multiprocessing.hpp"

namespace plait::faults {

using namespace multiprocessing;
using reduction::DupFd;

// Of every kind that goes another way: in the ring, around its end, with a descriptor, in a file.
struct Item {
  int number = 0;
  std::string text;
  DupFd descriptor;
};

namespace {

constexpr int items_of_child = 12;
constexpr int last_item = 1000;

Item make_item(int number) {
  constexpr std::size_t sizes[] = {10, 60'000, 5'000, 300'000};
  const char letter = static_cast<char>('a' + number % 26);
  Item item{number, std::string(sizes[number % 4], letter), {}};
  if (number % 4 == 2) item.descriptor = DupFd(STDERR_FILENO);
  return item;
}

bool is_right(const Item& item) {
  const Item expected = make_item(item.number);
  return item.text == expected.text && bool(item.descriptor) == bool(expected.descriptor) &&
         (!item.descriptor || ::fcntl(item.descriptor.fileno(), F_GETFD) == FD_CLOEXEC);
}

bool can_be_read(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

constinit std::atomic<int> steps_left = 0;
void count_steps(const char*) noexcept {
  if (steps_left > 0 && --steps_left == 0) ::kill(::getpid(), SIGKILL);
}

// How many items a child has dealt with.
class Counter {
 public:
  Counter()
      : memory_(::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        count_(new(memory_) std::atomic<int>(0)) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter() { ::munmap(memory_, sizeof(std::atomic<int>)); }
  std::atomic<int>* operator->() const noexcept { return count_; }

 private:
  void* memory_;
  std::atomic<int>* count_;
};

// Runs `act` in a child that is killed after so many steps; true: it was.
template <class Act>
bool is_killed_after(int steps, Act act) {
  const pid_t child = ::fork();
  if (child == 0) {
    steps_left = steps;
    os::kill_point_hook = &count_steps;
    act();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

class PipeSweep : public testing::TestWithParam<bool> {
 protected:
  // Whether the receiver's descriptor is waited for, too.
  [[nodiscard]] static bool exposed() { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(, PipeSweep, testing::Bool(),
                         [](const auto& instance) { return std::string(instance.param ? "exposed" : "hidden"); });

// The receiver is asleep, or busy with what was sent before.
bool sender_dies_after(int steps, bool exposed) {
  auto [receiver, sender] = Pipe({.duplex = false});
  const int fd = exposed ? receiver.fileno() : -1;
  std::vector<int> got;
  std::thread receives([&, &receiver = receiver] {
    for (;;) {
      const Item item = receiver.recv<Item>();
      EXPECT_TRUE(is_right(item)) << item.number;
      if (item.number == last_item) return;
      got.push_back(item.number);
    }
  });
  const Counter sent;
  const bool killed = is_killed_after(steps, [&, &sender = sender] {
    for (int i = 0; i < items_of_child; ++i) {
      sender.send(make_item(i));
      sent->fetch_add(1);
    }
  });
  for (int i = 100; i < 108; ++i) sender.send(make_item(i));
  sender.send(make_item(last_item));
  receives.join();
  const int of_child = static_cast<int>(got.size()) - 8;
  EXPECT_GE(of_child, *sent.operator->()) << "what was sent has to arrive";
  EXPECT_LE(of_child, *sent.operator->() + 1);
  for (int i = 0; i < static_cast<int>(got.size()); ++i) {
    EXPECT_EQ(got[static_cast<std::size_t>(i)], i < of_child ? i : 100 + i - of_child);
  }
  EXPECT_FALSE(receiver.poll());
  if (exposed) {
    EXPECT_FALSE(can_be_read(fd));
  }
  return killed;
}

TEST_P(PipeSweep, Q2SenderIsKilledAtEachStep) {
  int steps = 1;
  while (sender_dies_after(steps, exposed()) && !testing::Test::HasFailure()) ++steps;
  EXPECT_GT(steps, 50) << "kill points are missing";
}

// A sender of this process waits for room meanwhile.
bool receiver_dies_after(int steps, bool exposed) {
  auto [receiver, sender] = Pipe({.duplex = false});
  const int fd = exposed ? receiver.fileno() : -1;
  constexpr int count = 40;
  std::thread sends([&sender = sender] {
    for (int i = 0; i < count; ++i) sender.send(make_item(i));
  });
  const Counter taken;
  const bool killed = is_killed_after(steps, [&, &receiver = receiver] {
    for (int i = 0; i < items_of_child; ++i) {
      if (receiver.recv<Item>().number != i) ::_exit(1);
      taken->fetch_add(1);
    }
  });
  int next = *taken.operator->();
  int lost = 0;
  while (next < count) {
    if (next == count - 1 && lost == 0 && !receiver.poll(std::chrono::seconds(1))) break;  // it had them all
    const Item item = receiver.recv<Item>();
    EXPECT_TRUE(is_right(item)) << item.number;
    lost += item.number - next;
    next = item.number + 1;
  }
  EXPECT_LE(lost, 1);
  EXPECT_EQ(killed ? lost : 0, lost);
  sends.join();
  EXPECT_FALSE(receiver.poll());
  if (exposed) {
    EXPECT_FALSE(can_be_read(fd));
  }
  return killed;
}

TEST_P(PipeSweep, Q2ReceiverIsKilledAtEachStep) {
  int steps = 1;
  while (receiver_dies_after(steps, exposed()) && !testing::Test::HasFailure()) ++steps;
  EXPECT_GT(steps, 30) << "kill points are missing";
}

// A receiver sleeps, another of the same end is killed as it goes to sleep, wakes, or takes.
void one_of_two_dies_after(int steps) {
  auto [receiver, sender] = Pipe({.duplex = false});
  std::atomic<int> got = 0;
  std::thread receives([&, &receiver = receiver] {
    while (receiver.recv<Item>().number != last_item) ++got;
  });
  const Counter taken;
  const pid_t child = ::fork();
  if (child == 0) {
    steps_left = steps;
    os::kill_point_hook = &count_steps;
    for (;;) {
      static_cast<void>(receiver.recv_bytes());
      taken->fetch_add(1);
    }
  }
  for (int i = 0; i < items_of_child; ++i) {
    sender.send(make_item(i));
    std::this_thread::yield();
  }
  ::kill(child, SIGKILL);  // if it has not died yet
  int status = 0;
  ::waitpid(child, &status, 0);
  for (int i = 100; i < 104; ++i) sender.send(make_item(i));
  sender.send(make_item(last_item));
  receives.join();
  EXPECT_GE(got + *taken.operator->() + 1, items_of_child + 4);
}

TEST(PipeSweepOfSleepers, Q2OneOfTwoReceiversIsKilledAtEachStep) {
  for (int steps = 1; steps <= 60 && !testing::Test::HasFailure(); ++steps) one_of_two_dies_after(steps);
}

}  // namespace
}  // namespace plait::faults
