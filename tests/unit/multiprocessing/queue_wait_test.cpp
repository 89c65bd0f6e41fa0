// SPDX-License-Identifier: Apache-2.0
// connection::wait() for queues, alone and beside what has descriptors; between threads of one process.
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "connection_helpers.hpp"
#include "os/file_descriptor.hpp"
#include "support/in_child.hpp"

namespace plait::multiprocessing {
namespace {

using Ready = std::vector<Waitable>;

// What waits for a queue must do, whether it sleeps on words itself or has threads do so: with a descriptor beside the
// queues that is never ready, or with more queues than a thread can wait for.
enum class Company { none, descriptor, crowd };

class QueueWait : public testing::TestWithParam<Company> {
 protected:
  [[nodiscard]] Ready wait(Ready objects, const Until& until = {}) const {
    if (GetParam() == Company::descriptor) objects.emplace_back(never_.get());
    if (GetParam() == Company::crowd) objects.insert(objects.begin(), crowd_.begin(), crowd_.end());
    return connection::wait(objects, until);
  }

 private:
  static std::vector<SimpleQueue<int>> make_crowd() {
    return GetParam() == Company::crowd ? std::vector<SimpleQueue<int>>(200) : std::vector<SimpleQueue<int>>();
  }

  const os::FileDescriptor never_ = os::make_event();
  const std::vector<SimpleQueue<int>> crowd_ = make_crowd();
};
std::string name_of(Company company) {
  switch (company) {
    case Company::none:
      return "Alone";
    case Company::descriptor:
      return "BesideADescriptor";
    case Company::crowd:
      break;
  }
  return "InACrowd";
}
INSTANTIATE_TEST_SUITE_P(, QueueWait, testing::Values(Company::none, Company::descriptor, Company::crowd),
                         [](const auto& instance) { return name_of(instance.param); });

TEST_P(QueueWait, OneThatHasAnItemIsReadyAtOnce) {
  const Queue<int> queue, empty;
  const JoinableQueue<std::string> joinable;
  const SimpleQueue<int> simple;
  queue.put(1);
  for (const Until& until : {Until(), Until(0s), Until(-1s), Until(long_enough)}) {
    EXPECT_EQ(wait({empty, queue}, until), Ready{queue});
  }
  joinable.put("item");
  simple.put(2);
  EXPECT_EQ(wait({simple, empty, queue, joinable}), (Ready{simple, queue, joinable})) << "in the order given";
  EXPECT_EQ(queue.get(), 1) << "nothing was taken";
  EXPECT_EQ(wait({simple, queue, joinable}), (Ready{simple, joinable}));
}

TEST_P(QueueWait, TimeoutAndStopEndIt) {
  const Queue<int> a, b;
  EXPECT_TRUE(wait({a, b}, 0s).empty());
  EXPECT_TRUE(wait({a, b}, -1s).empty());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(wait({a, b}, 20ms).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  std::stop_source stop;
  Beside waits([&] { EXPECT_TRUE(wait({a, b}, stop.get_token()).empty()); });
  waits.wait_until_asleep();
  stop.request_stop();
  waits.join();
  EXPECT_TRUE(wait({a, b}, stop.get_token()).empty());
  a.put(1);
  EXPECT_EQ(wait({a, b}, stop.get_token()), Ready{a}) << "a requested stop just looks";
}

TEST_P(QueueWait, APutWakesIt) {
  const Queue<int> a, b;
  std::stop_source stop;  // that never comes
  for (const Until& until : {Until(), Until(long_enough), Until(stop.get_token())}) {
    for (const Queue<int>& queue : {a, b}) {
      Beside waits([&] { EXPECT_EQ(wait({a, b}, until), Ready{queue}); });
      waits.wait_until_asleep();
      queue.put(1);
      waits.join();
      EXPECT_EQ(queue.get_nowait(), 1);
    }
  }
}

TEST_P(QueueWait, ShutdownMakesItReady) {
  for (const bool immediate : {false, true}) {
    const Queue<int> a, b;
    Beside waits([&] { EXPECT_EQ(wait({a, b}), Ready{b}); });
    waits.wait_until_asleep();
    b.shutdown(immediate);
    waits.join();
    EXPECT_EQ(wait({a, b}), Ready{b});
    EXPECT_THROW(static_cast<void>(b.get()), queue::ShutDown);
  }
}

// One put wakes one sleeper, and that may be the one that takes nothing.
TEST_P(QueueWait, AGetterBesideItGetsTheItem) {
  const Queue<int> a, b;
  for (const bool waiter_is_first : {true, false}) {
    std::optional<Beside> waits, gets;
    const auto begin_to_wait = [&] {
      waits.emplace([&] { static_cast<void>(wait({a, b})); });
      waits->wait_until_asleep();
    };
    if (waiter_is_first) begin_to_wait();
    gets.emplace([&] { EXPECT_EQ(b.get({.timeout = long_enough}), 7); });
    gets->wait_until_asleep();
    if (!waiter_is_first) begin_to_wait();
    b.put(7);
    gets->join();
    a.put(1);  // the waiter may have been too late for the first
    waits->join();
    EXPECT_EQ(a.get_nowait(), 1);
    EXPECT_TRUE(b.empty());
  }
}

TEST_P(QueueWait, SleepersAndPutsInAnyNumberAllGoOn) {
  const Queue<int> a, b;
  for (int round = 0; round < 20; ++round) {
    Beside waits([&] { EXPECT_FALSE(wait({a, b}).empty()); });
    Beside waits_too([&] { EXPECT_FALSE(wait({b, a}).empty()); });
    Beside gets([&] { EXPECT_EQ(a.get({.timeout = long_enough}), round); });
    Beside gets_too([&] { EXPECT_EQ(a.get({.timeout = long_enough}), round); });
    for (const Beside* const beside : {&waits, &waits_too, &gets, &gets_too}) beside->wait_until_asleep();
    a.put(round);
    a.put(round);
    gets.join();
    gets_too.join();
    b.put(round);
    waits.join();
    waits_too.join();
    EXPECT_EQ(b.get_nowait(), round);
    EXPECT_TRUE(a.empty());
  }
}

// Where it ends for another reason, at a moment in which a put has woken it.
TEST_P(QueueWait, WhoStopsWaitingLeavesNoGetterAsleep) {
  const Queue<int> a, b;
  for (int round = 0; round < 50; ++round) {
    std::stop_source stop;
    Beside waits([&] { static_cast<void>(wait({a, b}, stop.get_token())); });
    waits.wait_until_asleep();
    Beside gets([&] { EXPECT_EQ(b.get({.timeout = long_enough}), round); });
    gets.wait_until_asleep();
    Beside stops([&] { stop.request_stop(); });
    b.put(round);
    gets.join();
    stops.join();
    waits.join();
  }
}

TEST_P(QueueWait, EveryItemOfManyIsTold) {
  const Queue<int> a, b;
  constexpr int each = 500;
  Beside first([&] {
    for (int i = 0; i < each; ++i) a.put(i);
  });
  Beside second([&] {
    for (int i = 0; i < each; ++i) b.put(i);
  });
  int from_a = 0, from_b = 0;
  while (from_a < each || from_b < each) {
    for (const Waitable& ready : wait({a, b})) {
      if (ready == a) {
        EXPECT_EQ(a.get_nowait(), from_a++);
      }
      if (ready == b) {
        EXPECT_EQ(b.get_nowait(), from_b++);
      }
    }
  }
  first.join();
  second.join();
}

// ---- beside others -------------------------------------------------------------------------------------------------

TEST(QueueWaitMixed, TellsOfAllThatAreReady) {
  const Queue<int> queue, quiet;
  auto [receiver, sender] = Pipe<int>({.duplex = false});
  const os::FileDescriptor event = os::make_event();
  const Ready all{queue, receiver, event.get(), quiet};
  EXPECT_TRUE(connection::wait(all, 0s).empty());
  EXPECT_TRUE(connection::wait(all, 20ms).empty());
  Beside waits([&] { EXPECT_EQ(connection::wait(all), Ready{event.get()}); });
  waits.wait_until_asleep();
  os::raise_event(event.get());
  waits.join();
  sender.send(1);
  queue.put(1);
  EXPECT_EQ(connection::wait(all), (Ready{queue, receiver, event.get()}));
  const Ready ready = connection::wait({quiet, receiver});
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_TRUE(ready[0] == receiver);
  EXPECT_FALSE(ready[0] == quiet);
  EXPECT_FALSE(ready[0].is_queue());
}

TEST(QueueWaitMixed, OfOneTypeReturnsTheQueues) {
  const std::vector<Queue<int>> queues(3);
  queues[1].put(5);
  const std::vector<Queue<int>> ready = connection::wait(queues, long_enough);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].get_nowait(), 5);
}

TEST(QueueWaitMixed, LeavesNoThreadAndNoDescriptorWhenItReturns) {
  const auto entries = [](const char* folder) {
    return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  };
  const std::vector<Queue<int>> queues(300);
  const os::FileDescriptor event = os::make_event();
  Ready all(queues.begin(), queues.end());
  all.emplace_back(event.get());
  const auto threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
  EXPECT_TRUE(connection::wait(all, 5ms).empty());
  while (entries("/proc/self/task") > threads) std::this_thread::yield();  // a joined one may still be listed
  EXPECT_EQ(entries("/proc/self/fd"), descriptors);

  all.emplace_back(19'999);
  expect_system_error(EBADF, "descriptor 19999", [&] { static_cast<void>(connection::wait(all)); });
  EXPECT_EQ(entries("/proc/self/fd"), descriptors);
}

void do_nothing(int) {}

TEST(QueueWaitMixed, SignalsDoNotEndItAndAreNotItsThreads) {
  const Queue<int> queue;
  const os::FileDescriptor event = os::make_event();
  struct sigaction act {
  }, before{};
  act.sa_handler = do_nothing;
  ::sigaction(SIGUSR1, &act, &before);
  for (const Ready& all : {Ready{queue}, Ready{queue, event.get()}}) {
    std::atomic<pthread_t> self{};
    Beside waits([&] {
      self = ::pthread_self();
      EXPECT_EQ(connection::wait(all), Ready{queue});
    });
    for (int i = 0; i < 10; ++i) {
      waits.wait_until_asleep();
      ::pthread_kill(self, SIGUSR1);
    }
    queue.put(1);
    waits.join();
    EXPECT_EQ(queue.get_nowait(), 1);
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

// ---- errors --------------------------------------------------------------------------------------------------------

TEST(QueueWaitErrors, AClosedQueueIsRefused) {
  const Queue<int> queue, open;
  const SimpleQueue<int> simple;
  const Waitable made_before = queue;
  queue.close();
  simple.close();
  expect_system_error(EBADF, "closed in this process", [&] { static_cast<void>(connection::wait({open, queue}, 0s)); });
  expect_system_error(EBADF, "closed in this process", [&] { static_cast<void>(connection::wait({simple}, 0s)); });
  expect_system_error(EBADF, "closed in this process", [&] { static_cast<void>(queue.full()); });
  expect_system_error(EBADF, "closed in this process", [&] { static_cast<void>(queue.qsize()); });
  expect_system_error(EBADF, "closed in this process", [&] { static_cast<void>(connection::wait({made_before}, 0s)); });
}

TEST(QueueWaitErrors, WithoutADescriptorForItsThreadsItThrows) {
  const Queue<int> queue;
  const os::FileDescriptor event = os::make_event();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 3, .rlim_max = before.rlim_max};  // as many as poll() is given
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  expect_system_error(EMFILE, "", [&] { static_cast<void>(connection::wait({queue, event.get()})); });
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  queue.put(1);
  EXPECT_EQ(connection::wait({queue, event.get()}), Ready{queue});
}

TEST(QueueWaitErrors, AQueueInheritedByForkIsRefused) {
  const Queue<int> queue;
  const Waitable made_before = queue;
  queue.put(1);
  const auto is_refused = [](const auto& act) {
    try {
      act();
    } catch (const RuntimeError&) {
      return true;
    }
    return false;
  };
  EXPECT_TRUE(tests::holds_in_child([&] {
    return is_refused([&] { static_cast<void>(connection::wait({queue}, 0s)); }) &&
           is_refused([&] { static_cast<void>(connection::wait({made_before}, 0s)); });
  }));
}

// ---- kernels before 5.16 -------------------------------------------------------------------------------------------

// From now on futex_waitv is a system call that this thread, and those that it makes, find missing.
bool take_futex_waitv_away() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{.len = 4, .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a thread, for it cannot be given back.
TEST_P(QueueWait, WorksWithoutFutexWaitv) {
  const Queue<int> a, b;
  std::atomic<bool> is_away = true;
  std::atomic<int> rounds = 0;
  std::stop_source stop;
  Beside waits([&] {
    is_away = take_futex_waitv_away();
    if (!is_away) return;
    EXPECT_TRUE(wait({a, b}, 20ms).empty());
    for (const Queue<int>& queue : {a, b}) {
      ++rounds;
      EXPECT_EQ(wait({a, b}), Ready{queue});
      EXPECT_EQ(queue.get_nowait(), 1);
    }
    ++rounds;
    EXPECT_TRUE(wait({a, b}, stop.get_token()).empty());
  });
  const auto await_round = [&](int round) {
    while (is_away && rounds < round) std::this_thread::yield();
    if (is_away) waits.wait_until_asleep();
  };
  await_round(1);
  a.put(1);
  await_round(2);
  b.put(1);
  await_round(3);
  stop.request_stop();
  waits.join();
  if (!is_away) GTEST_SKIP() << "the system has no filters";
}

}  // namespace
}  // namespace plait::multiprocessing
