// SPDX-License-Identifier: Apache-2.0
// connection::wait() for queues that other processes put into and get from, over every start method.
#include <gmock/gmock.h>
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "connection_helpers.hpp"
#include "os/file_descriptor.hpp"

namespace plait::multiprocessing {
namespace {

using Ready = std::vector<Waitable>;

class QueueWaitBetweenProcesses : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(QueueWaitBetweenProcesses);

// Until the child, of which is known that it has nothing else to do, sleeps.
void wait_until_asleep(const Process& child) {
  const std::string path = "/proc/" + std::to_string(child.pid().value()) + "/stat";
  for (int seen = 0; seen < 50;) {  // so often in a row, since it may sleep a little on its way
    const std::string stat = tests::read_file(path);
    const auto state = stat.rfind(") ");
    if (state == std::string::npos) return;
    seen = stat[state + 2] == 'S' ? seen + 1 : 0;
    std::this_thread::yield();
  }
}

void put_when_told(const Connection<int>& gate, const Queue<int>& queue) { queue.put(gate.recv()); }

TEST_P(QueueWaitBetweenProcesses, APutOfAnotherProcessWakesIt) {
  const Queue<int> a, b;
  auto [go, gate] = Pipe<int>();
  Process child = started(put_when_told, gate, b);
  Beside waits([&] { EXPECT_EQ(connection::wait({a, b}), Ready{b}); });
  waits.wait_until_asleep();
  go.send(5);
  waits.join();
  EXPECT_EQ(b.get_nowait(), 5);
  child.join(long_enough);
  EXPECT_EQ(child.exitcode(), 0);
}

void put_send_and_end(const Connection<int>& gate, const Queue<int>& queue, const Connection<int>& pipe) {
  queue.put(gate.recv());
  pipe.send(gate.recv());
  static_cast<void>(gate.recv());
}

TEST_P(QueueWaitBetweenProcesses, ConnectionsProcessesAndDescriptorsBesideQueues) {
  const Queue<int> queue;
  const os::FileDescriptor event = os::make_event();
  auto [go, gate] = Pipe<int>();
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  Process child = started(put_send_and_end, gate, queue, sender);
  const Ready all{child, event.get(), queue, receiver};
  EXPECT_TRUE(connection::wait(all, 0s).empty());
  const auto expect_next = [&](const Waitable& expected, const auto& act) {
    Beside waits([&] { EXPECT_EQ(connection::wait(all), Ready{expected}); });
    waits.wait_until_asleep();
    act();
    waits.join();
  };
  expect_next(queue, [&go = go] { go.send(1); });
  EXPECT_EQ(queue.get_nowait(), 1);
  expect_next(receiver, [&go = go] { go.send(2); });
  EXPECT_EQ(receiver.recv(), 2);
  expect_next(event.get(), [&] { os::raise_event(event.get()); });
  os::clear_event(event.get());
  expect_next(child, [&go = go] { go.send(3); });
  child.join();
  EXPECT_EQ(child.exitcode(), 0);
}

void tell_and_wait(const Event& begun, const Queue<int>& a, const Queue<int>& b, const Queue<int>& answers) {
  begun.set();
  static_cast<void>(connection::wait({a, b}));
  answers.put(1);
}
void tell_and_get(const Event& begun, const Queue<int>& queue, const Queue<int>& answers) {
  begun.set();
  answers.put(queue.get());
}

// The waiter takes nothing, whoever of the two is woken first.
TEST_P(QueueWaitBetweenProcesses, AGetterOfAnotherProcessGetsTheItem) {
  for (const bool waiter_is_first : {true, false}) {
    const Queue<int> a, b, waited, got;
    const Event waiter_begins, getter_begins;
    const auto start_waiter = [&] {
      Process process = started(tell_and_wait, waiter_begins, a, b, waited);
      waiter_begins.wait();
      wait_until_asleep(process);
      return process;
    };
    const auto start_getter = [&] {
      Process process = started(tell_and_get, getter_begins, b, got);
      getter_begins.wait();
      wait_until_asleep(process);
      return process;
    };
    std::vector<Process> processes;
    processes.push_back(waiter_is_first ? start_waiter() : start_getter());
    processes.push_back(waiter_is_first ? start_getter() : start_waiter());
    b.put(7);
    EXPECT_EQ(got.get({.timeout = long_enough}), 7);
    a.put(1);  // the waiter may have been too late for the first
    EXPECT_EQ(waited.get({.timeout = long_enough}), 1);
    for (Process& process : processes) process.join(long_enough);
  }
}

TEST_P(QueueWaitBetweenProcesses, AKilledWaiterKeepsNoGetterAsleep) {
  const Queue<int> a, b, waited;
  const Event begun;
  for (const bool put_before_the_kill : {true, false}) {
    begun.clear();
    Process child = started(tell_and_wait, begun, a, b, waited);
    begun.wait();
    wait_until_asleep(child);
    Beside gets([&] { EXPECT_EQ(b.get({.timeout = long_enough}), 7); });
    Beside waits([&] { EXPECT_EQ(connection::wait({a}), Ready{a}); });
    gets.wait_until_asleep();
    waits.wait_until_asleep();
    ::kill(child.pid().value(), SIGSTOP);  // so that it cannot act on what it gets
    if (put_before_the_kill) b.put(7);
    child.kill();
    child.join(long_enough);
    EXPECT_EQ(child.exitcode(), -SIGKILL);
    if (!put_before_the_kill) b.put(7);
    gets.join();
    EXPECT_TRUE(a.empty());
    a.put(1);  // a death makes nothing ready
    waits.join();
    EXPECT_EQ(a.get_nowait(), 1);
  }
  EXPECT_TRUE(waited.empty());
}

}  // namespace
}  // namespace plait::multiprocessing
