// SPDX-License-Identifier: Apache-2.0
// W3 and W4 of the fault list: a worker is killed at every step between two tasks, and at any time. Built with a plait
// that has kill points (src/os/kill_point.hpp); the hook is set before main, so every worker has it however it starts.
#include <gmock/gmock.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fault_test.hpp"
#include "os/kill_point.hpp"

namespace plait::faults {
namespace {

constexpr std::size_t tasks_in_round = 24;
constexpr std::size_t most_points = 64;

// What workers and test share; it outlives every worker.
struct Board {
  struct Name {
    char text[48];
  };

  std::atomic<std::uint64_t> steps_to_death;  // 0: nobody is to die
  std::atomic<std::uint64_t> wanted;          // 1 + index in `names` of the only point where to die; 0: at any
  std::atomic<std::uint64_t> deaths;
  std::atomic<std::uint64_t> begun[tasks_in_round];  // how often each task of the round was begun

  std::atomic_flag naming;
  std::atomic<std::uint64_t> names_known;
  Name names[most_points];  // the points that workers have passed

  // Index of the name, which is added if it is new. Workers of a round may pass a new point at once.
  std::uint64_t index_of(const char* name) noexcept {
    const auto known = [&] { return std::span(names, names_known.load(std::memory_order_acquire)); };
    const auto equal = [&](const Name& other) { return std::strcmp(other.text, name) == 0; };
    std::size_t at = static_cast<std::size_t>(std::ranges::find_if(known(), equal) - known().begin());
    if (at < known().size()) return at;
    while (naming.test_and_set(std::memory_order_acquire)) {
    }
    at = static_cast<std::size_t>(std::ranges::find_if(known(), equal) - known().begin());
    if (at == known().size() && at < most_points) {
      std::strncpy(names[at].text, name, sizeof(Name::text) - 1);
      names_known.store(at + 1, std::memory_order_release);
    }
    naming.clear(std::memory_order_release);
    return at;
  }
};

// In a worker, from its first task on.
std::unique_ptr<Shared<Board>> board_of_worker;

void pass_kill_point(const char* name) noexcept {
  if (board_of_worker == nullptr) return;
  Board& board = **board_of_worker;
  const std::uint64_t point = board.index_of(name);
  const std::uint64_t wanted = board.wanted.load();
  if (wanted != 0 && wanted != point + 1) return;
  std::uint64_t left = board.steps_to_death.load();
  while (left != 0 && !board.steps_to_death.compare_exchange_weak(left, left - 1)) {
  }
  if (left != 1) return;
  board.deaths.fetch_add(1);
  ::kill(::getpid(), SIGKILL);
}

[[maybe_unused]] const bool hook_is_set = [] {
  os::kill_point_hook = &pass_kill_point;
  return true;
}();

Board& board_here(const std::string& path) {
  if (board_of_worker == nullptr) board_of_worker = std::make_unique<Shared<Board>>(path);
  return **board_of_worker;
}

std::string answer_to(int task) {
  constexpr std::array<std::size_t, 6> sizes{8, 500, 8, 40'000, 500, 8};
  const std::size_t size = task == 7 ? 3'000'000 : sizes[static_cast<std::size_t>(task) % sizes.size()];
  return std::string(size, static_cast<char>('a' + task));
}

}  // namespace

// Answers of all sizes, from inside the slot to a run of chunks of its own; every fifth task throws.
std::string work(std::string board, int task, std::string ballast) {
  board_here(board).begun[task].fetch_add(1);
  if (task % 5 == 4) throw ValueError("task " + std::to_string(task) + std::string(ballast.size() % 1000, '.'));
  return answer_to(task);
}

// As work, in a worker that the kernel kills some time after its first task has begun.
std::string work_until_killed(std::string board, int task, std::string ballast) {
  if (board_of_worker == nullptr) {
    os::kill_point_hook = nullptr;  // it might be killed while it notes a name
    board_here(board).deaths.fetch_add(1);
    std::mt19937 random(static_cast<std::uint32_t>(::getpid()));
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer{};
    ::timer_create(CLOCK_MONOTONIC, &event, &timer);
    const itimerspec when{.it_interval = {},
                          .it_value = {.tv_sec = 0, .tv_nsec = 1 + static_cast<long>(random() % 2'000'000)}};
    ::timer_settime(timer, 0, &when, nullptr);
  }
  return work(std::move(board), task, std::move(ballast));
}

class KillSweep : public OverStartMethods {
 protected:
  using Work = decltype(&work);

  // Runs some tasks and checks what became of each; returns how many were lost.
  int round(ProcessPoolExecutor& pool, Work work_of_round) {
    for (auto& count : board_->begun) count = 0;
    std::array<std::atomic<int>, tasks_in_round> settled{};
    std::vector<Future<std::string>> futures;
    for (int task = 0; task < static_cast<int>(tasks_in_round); ++task) {
      const std::size_t ballast = task % 3 == 0 ? 100'000 : 10;
      futures.push_back(pool.submit(work_of_round, board_file_, task, std::string(ballast, 'x')));
      futures.back().add_done_callback([&settled, task](const auto&) { ++settled[static_cast<std::size_t>(task)]; });
    }
    int lost = 0;
    for (int task = 0; task < static_cast<int>(tasks_in_round); ++task) {
      const auto index = static_cast<std::size_t>(task);
      bool was_lost = false;
      try {
        EXPECT_EQ(futures[index].result(5 * T), answer_to(task)) << "task " << task;
        EXPECT_NE(task % 5, 4);
      } catch (const ValueError& error) {
        EXPECT_EQ(task % 5, 4) << error.what();
      } catch (const WorkerDied& death) {
        EXPECT_EQ(death.signal(), SIGKILL);
        was_lost = true;
        ++lost;
      }
      const std::uint64_t begun = board_->begun[index];
      EXPECT_LE(begun, 1U) << "task " << task << " was run twice";
      EXPECT_GE(begun, was_lost ? 0U : 1U) << "task " << task << " has an outcome, but never ran";
    }
    // Callbacks are run by the pool's thread, a moment after the results are there.
    const auto due = std::chrono::steady_clock::now() + T;
    const auto all_called = [&] { return std::ranges::all_of(settled, [](const auto& times) { return times > 0; }); };
    while (!all_called() && std::chrono::steady_clock::now() < due) std::this_thread::yield();
    for (const auto& times : settled) EXPECT_EQ(times, 1) << "a task was not settled exactly once";
    return lost;
  }

  // One round in which the worker dies that comes to the n-th step, of those named or of all. False: there are not so
  // many steps in a round.
  bool round_with_death(ProcessPoolExecutor& pool, std::uint64_t step, std::uint64_t wanted = 0) {
    const std::uint64_t deaths_before = board_->deaths;
    board_->wanted = wanted;
    board_->steps_to_death = step;
    const int lost = round(pool, &work);
    board_->steps_to_death = 0;
    const bool died = board_->deaths > deaths_before;
    EXPECT_LE(lost, died ? 1 : 0) << "one death costs one task";
    return died;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < board_->names_known; ++i) result.emplace_back(board_->names[i].text);
    return result;
  }

  const std::string board_file_ = folder_.file("board");
  Shared<Board> board_{board_file_};
};

class FaultW3 : public KillSweep {};
PLAIT_OVER_START_METHODS(FaultW3, "forkserver");

TEST_P(FaultW3, KilledAtEveryStep) {
  const std::uint64_t wanted = soak() ? 10'000 : 200;
  ProcessPoolExecutor pool(workers(2));
  round(pool, &work);
  while (board_->deaths < wanted && !HasFailure()) {
    std::uint64_t steps = 1;
    while (round_with_death(pool, steps) && !HasFailure()) ++steps;
    EXPECT_GT(steps, tasks_in_round) << "kill points are missing";
  }
  EXPECT_THAT(names(), testing::IsSupersetOf({"ring.claiming", "ring.claimed", "ring.finishing", "ring.finished",
                                              "pool.outcome.sized", "pool.outcome.written"}));
  RecordProperty("kills", static_cast<int>(board_->deaths));
}

TEST_P(FaultW3, KilledAtAnyTime) {
  const std::uint64_t wanted = soak() ? 10'000 : 200;
  ProcessPoolExecutor pool(workers(2));
  while (board_->deaths < wanted && !HasFailure()) round(pool, &work_until_killed);
}

class FaultW4 : public KillSweep {};
PLAIT_OVER_START_METHODS(FaultW4, "forkserver");

// What a worker can hold that others need: a seat of those who spin, blocks and chunks of the heap that it has half
// claimed. None of them is a lock that others wait for; here it dies at each of those places, and all goes on.
TEST_P(FaultW4, KilledWhereItHoldsSomething) {
  ProcessPoolExecutor pool(workers(2));
  for (int i = 0; i < 5; ++i) round(pool, &work);
  const std::vector<std::string> points = names();
  EXPECT_THAT(points, testing::IsSupersetOf({"pool.seat.taken", "heap.block.taken", "heap.run.claiming"}));
  for (std::uint64_t point = 1; point <= points.size(); ++point) {
    SCOPED_TRACE(points[point - 1]);
    for (std::uint64_t step = 1; step <= (soak() ? 40U : 3U); ++step) round_with_death(pool, step, point);
  }
}

// A seat is free again after the death of who sat there: more die on it than there are seats, and still one is taken.
TEST_P(FaultW4, SeatOfTheDeadIsFree) {
  ProcessPoolExecutor pool(workers(2));
  for (int i = 0; i < 5; ++i) round(pool, &work);
  const std::vector<std::string> points = names();
  const auto seat = std::ranges::find(points, "pool.seat.taken");
  ASSERT_NE(seat, points.end());
  int died_on_it = 0;
  for (int i = 0; i < 200 && died_on_it < 20; ++i)
    died_on_it += round_with_death(pool, 1, static_cast<std::uint64_t>(seat - points.begin()) + 1) ? 1 : 0;
  EXPECT_EQ(died_on_it, 20);
}

}  // namespace plait::faults
