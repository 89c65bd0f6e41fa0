// SPDX-License-Identifier: Apache-2.0
// Workers that die: W1, W2, W5 to W8 of the fault list. (W3 and W4 are in kill_sweep_test.cpp.)
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "fault_test.hpp"
#include "plait/detail/wire/archive.hpp"
#include "shm/heap.hpp"

namespace plait::faults {

using testing::HasSubstr;

// ---- W1 ------------------------------------------------------------------------------------------------------------

class FaultW1 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultW1, "forkserver", "spawn", "fork");

TEST_P(FaultW1, KilledInMidTaskCostsThatTaskAndNamesPidSignalAndTask) {
  Fifo started(folder_.file("started"));
  ProcessPoolExecutor pool(workers(2));
  auto lost = pool.submit(tell_and_hang, started.path());
  std::vector<Future<int>> squares;
  for (int i = 0; i < 200; ++i) squares.push_back(pool.submit(square, i));

  const pid_t victim = started.pid();
  ASSERT_EQ(::kill(victim, SIGKILL), 0);

  const WorkerDied death = death_of(lost);
  EXPECT_EQ(death.pid(), victim);
  EXPECT_TRUE(death.known());
  EXPECT_EQ(death.signal(), SIGKILL);
  EXPECT_THAT(death.task(), HasSubstr("tell_and_hang"));
  EXPECT_THAT(death.what(), HasSubstr(std::to_string(victim)));
  EXPECT_THAT(death.what(), HasSubstr("SIGKILL"));
  EXPECT_THAT(death.what(), HasSubstr("tell_and_hang"));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)].result(T), i * i);
  expect_squares(pool, 100);
}

TEST_P(FaultW1, AllKilledInMidTaskCostTheirOwnTasks) {
  constexpr int count = 3;
  Fifo started(folder_.file("started"));
  ProcessPoolExecutor pool(workers(count));
  std::vector<Future<void>> lost;
  std::vector<pid_t> victims, dead;
  for (int i = 0; i < count; ++i) {
    lost.push_back(pool.submit(tell_and_spin, started.path()));
    victims.push_back(started.pid());
  }
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(pool.submit(square, i));

  for (const pid_t victim : victims) ASSERT_EQ(::kill(victim, SIGKILL), 0);

  for (const auto& future : lost) dead.push_back(death_of(future).pid());
  EXPECT_THAT(dead, testing::ElementsAreArray(victims));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].result(T), i * i);
  expect_squares(pool, 100);
}

// ---- W2 ------------------------------------------------------------------------------------------------------------

void write_where_nothing_is() {
  void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile int*>(page) = 1;
}
void abort_here() { std::abort(); }
void leave_with(int code) { ::_exit(code); }
void exit_with(int code) { std::exit(code); }
void refuse() { throw std::runtime_error("on purpose"); }
void throw_out_of_noexcept() noexcept { refuse(); }

class FaultW2 : public OverStartMethods {
 protected:
  template <class F, class... Args>
  void expect_end(int signal, int code, F f, Args... args) {
    Future<void> lost = pool_.submit(f, args...);
    const WorkerDied death = death_of(lost);
    EXPECT_TRUE(death.known());
    EXPECT_EQ(death.signal(), signal) << death.what();
    EXPECT_EQ(death.exit_code(), code) << death.what();
    EXPECT_GT(death.pid(), 0);
    EXPECT_THAT(death.what(), HasSubstr(signal != 0 ? "killed by signal" : "exited with code " + std::to_string(code)));
    expect_squares(pool_, 20);
  }

  ProcessPoolExecutor pool_{workers(2)};
};
PLAIT_OVER_START_METHODS(FaultW2, "forkserver", "spawn", "fork");

// Under a sanitizer, too: its handlers of fatal signals are not for workers.
TEST_P(FaultW2, SegmentationFault) { expect_end(SIGSEGV, 0, write_where_nothing_is); }
TEST_P(FaultW2, Abort) { expect_end(SIGABRT, 0, abort_here); }
TEST_P(FaultW2, LeavesWithZero) { expect_end(0, 0, leave_with, 0); }
TEST_P(FaultW2, LeavesWith99) { expect_end(0, 99, leave_with, 99); }
TEST_P(FaultW2, CallsExit) { expect_end(0, 3, exit_with, 3); }
TEST_P(FaultW2, ExceptionOutOfNoexcept) { expect_end(SIGABRT, 0, throw_out_of_noexcept); }

// ---- W5 ------------------------------------------------------------------------------------------------------------

// A large value whose serializer tells when it has written the first half, and then waits to be killed.
struct StopsHalfWay {
  std::string fifo;
  std::vector<std::uint64_t> first, second;

  template <class A>
  void serialize(A& ar) {
    ar(fifo, first);
    if constexpr (std::is_same_v<A, wire::Writer>) {
      if (!first.empty()) tell_and_hang(fifo);
    }
    ar(second);
  }
};

StopsHalfWay half_of(std::string fifo, std::size_t bytes) {
  const std::vector<std::uint64_t> half(bytes / 2 / sizeof(std::uint64_t), 7);
  return {std::move(fifo), half, half};
}

std::vector<std::uint64_t> numbers(std::size_t count, std::uint64_t value) {
  return std::vector<std::uint64_t>(count, value);
}
std::vector<std::uint64_t> tell_numbers(std::string fifo, std::size_t count) {
  std::vector<std::uint64_t> result(count, 1);
  tell(fifo, std::to_string(::getpid()));
  return result;
}

class FaultW5 : public OverStartMethods {
 protected:
  const std::size_t bytes_ = std::size_t{soak() ? 1024U : 256U} << 20;
};
PLAIT_OVER_START_METHODS(FaultW5, "forkserver");

TEST_P(FaultW5, KilledInTheMiddleOfALargeResult) {
  Fifo half_way(folder_.file("half_way"));
  ProcessPoolExecutor pool(workers(2));
  expect_squares(pool, 2);
  const std::size_t in_use_before = shm::Heap::get().bytes_in_use();
  auto lost = pool.submit(half_of, half_way.path(), bytes_);
  std::vector<Future<std::vector<std::uint64_t>>> others;
  for (std::uint64_t i = 0; i < 8; ++i) others.push_back(pool.submit(numbers, std::size_t{1} << 17, i));

  const pid_t victim = half_way.pid();
  EXPECT_GT(shm::Heap::get().bytes_in_use(), in_use_before + bytes_ / 2);
  ASSERT_EQ(::kill(victim, SIGKILL), 0);

  EXPECT_EQ(death_of(lost).pid(), victim);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto& got = others[i].result(T);
    EXPECT_EQ(got.size(), std::size_t{1} << 17);
    EXPECT_TRUE(std::ranges::all_of(got, [i](std::uint64_t word) { return word == i; }));
  }
  others.clear();
  // What the dead had half written is the heap's again.
  EXPECT_LT(shm::Heap::get().bytes_in_use(), in_use_before + bytes_ / 2);
}

// Killed at any moment while it returns: the future has all of the value, or a WorkerDied.
TEST_P(FaultW5, KilledAnywhereNearALargeResultGivesAllOfItOrAnError) {
  Fifo returning(folder_.file("returning"));
  ProcessPoolExecutor pool(workers(2));
  std::mt19937 random(12345);
  const std::size_t count = bytes_ / 4 / sizeof(std::uint64_t);
  for (int round = 0; round < (soak() ? 100 : 6); ++round) {
    auto future = pool.submit(tell_numbers, returning.path(), count);
    auto other = pool.submit(numbers, std::size_t{1000}, std::uint64_t{5});
    const pid_t victim = returning.pid();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));  // any moment is the right one
    ::kill(victim, SIGKILL);
    try {
      const auto& value = future.result(5 * T);
      EXPECT_EQ(value.size(), count);
      EXPECT_TRUE(std::ranges::all_of(value, [](std::uint64_t word) { return word == 1; }));
    } catch (const WorkerDied& death) {
      EXPECT_EQ(death.pid(), victim);
    }
    try {
      EXPECT_EQ(other.result(5 * T).size(), 1000U);
    } catch (const WorkerDied& death) {  // it ran in the victim, after the large one
      EXPECT_EQ(death.pid(), victim);
    }
  }
}

// ---- W6 ------------------------------------------------------------------------------------------------------------

class FaultW6 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultW6, "forkserver", "spawn", "fork");

TEST_P(FaultW6, KilledWhileItsLaneIsFull) {
  constexpr int count = 5000;
  Fifo started(folder_.file("started"));
  ProcessPoolExecutor pool(workers(1));
  expect_squares(pool, count);  // short tasks make lanes deep
  auto lost = pool.submit(tell_and_hang, started.path());
  std::vector<Future<int>> squares;
  for (int i = 0; i < count; ++i) squares.push_back(pool.submit(square, i));

  const pid_t victim = started.pid();
  ASSERT_EQ(::kill(victim, SIGKILL), 0);

  EXPECT_EQ(death_of(lost).pid(), victim);
  for (int i = 0; i < count; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)].result(T), i * i);
}

// ---- W7 ------------------------------------------------------------------------------------------------------------

class FaultW7 : public OverStartMethods {
 protected:
  // One pid for each of the pool's workers.
  std::vector<pid_t> pids_of(ProcessPoolExecutor& pool, int count) {
    Fifo started(folder_.file("roll_call"));
    std::vector<Future<pid_t>> calls;
    std::vector<pid_t> pids;
    for (int i = 0; i < count; ++i) {
      calls.push_back(pool.submit(tell_and_wait_for, started.path(), folder_.file("roll_call_done")));
      pids.push_back(started.pid());
    }
    std::filesystem::create_directory(folder_.file("roll_call_done"));
    for (auto& call : calls) call.result(T);
    std::filesystem::remove(folder_.file("roll_call_done"));
    return pids;
  }
};
PLAIT_OVER_START_METHODS(FaultW7, "forkserver", "spawn", "fork");

void kill_all(std::vector<pid_t> victims) {
  for (const pid_t victim : victims) {
    if (victim != ::getpid()) ::kill(victim, SIGKILL);
  }
}
void kill_all_and_self(std::vector<pid_t> victims) {
  kill_all(std::move(victims));
  ::kill(::getpid(), SIGKILL);
}

TEST_P(FaultW7, AllAtOnceAgainAndAgain) {
  ProcessPoolExecutor pool(workers(3));
  for (int round = 0; round < 5; ++round) {
    const std::vector<pid_t> victims = pids_of(pool, 3);
    std::vector<Future<int>> squares;
    kill_all(victims);
    for (int i = 0; i < 50; ++i) squares.push_back(pool.submit(square, i));
    for (int i = 0; i < 50; ++i) {
      try {
        EXPECT_EQ(squares[static_cast<std::size_t>(i)].result(T), i * i);
      } catch (const WorkerDied& death) {  // a signal takes a moment: it had begun this one
        EXPECT_THAT(victims, testing::Contains(death.pid()));
      }
    }
  }
}

TEST_P(FaultW7, WorkersThatKillEachOther) {
  ProcessPoolExecutor pool(workers(3));
  for (int round = 0; round < 5; ++round) {
    const std::vector<pid_t> all = pids_of(pool, 3);
    Fifo started(folder_.file("started"));
    std::vector<Future<void>> victims{pool.submit(tell_and_hang, started.path()),
                                      pool.submit(tell_and_hang, started.path())};
    std::vector<pid_t> hanging{started.pid(), started.pid()};
    auto killer = pool.submit(kill_all, all);
    EXPECT_NO_THROW(killer.result(T));
    for (const auto& victim : victims) EXPECT_THAT(hanging, testing::Contains(death_of(victim).pid()));
    expect_squares(pool, 20);
  }
}

TEST_P(FaultW7, TaskThatKillsEveryWorker) {
  const Newcomers processes;
  ProcessPoolExecutor pool(workers(3));
  for (int round = 0; round < 5; ++round) {
    const std::vector<pid_t> all = pids_of(pool, 3);
    EXPECT_EQ(death_of(pool.submit(kill_all_and_self, all)).signal(), SIGKILL);
    expect_squares(pool, 20);
    EXPECT_LE(processes.now().size(), 3U + 1U);  // its workers, and a fork server if none was there
  }
}

// Each of these tasks costs a worker, none of them the pool.
TEST_P(FaultW7, ManyTasksThatAllKillTheirWorker) {
  ProcessPoolExecutor pool(workers(2));
  std::vector<Future<void>> lost;
  for (int i = 0; i < 40; ++i) lost.push_back(pool.submit(leave_with, 9));
  auto last = pool.submit(square, 5);
  for (const auto& future : lost) {
    EXPECT_THROW(future.result(5 * T), WorkerDied);
  }
  EXPECT_EQ(last.result(T), 25);
}

// ---- W8 ------------------------------------------------------------------------------------------------------------

class FaultW8 : public OverStartMethods {};
PLAIT_OVER_START_METHODS(FaultW8, "forkserver", "spawn", "fork");

TEST_P(FaultW8, KilledWhileIdle) {
  ProcessPoolExecutor pool(workers(1));
  for (int round = 0; round < 20; ++round) {
    const pid_t victim = pool.submit(own_pid).result(T);
    ASSERT_EQ(::kill(victim, SIGKILL), 0);
    ASSERT_TRUE(dies_within(victim, T));
    EXPECT_NE(pool.submit(own_pid).result(T), victim);  // whether the pool has heard of the death yet or not
  }
}

}  // namespace plait::faults
