// SPDX-License-Identifier: Apache-2.0
//
// What ProcessPoolExecutor promises beyond the contract of every executor (tests/conformance) and beyond surviving
// faults (tests/faults). Each case runs over every start method.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <plait/futures.hpp>
#include <plait/multiprocessing.hpp>
#include <plait/os.hpp>
#include <plait/wire.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <latch>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace plait::futures {
namespace {

using testing::HasSubstr;

// ---- tasks ---------------------------------------------------------------------------------------------------------

int state_of_worker = 0;

void set_state(int value) { state_of_worker = value; }
int get_state() { return state_of_worker; }
void throw_invalid(std::string what) { throw std::invalid_argument(what); }
void leave(int code) { _exit(code); }
int pid_of_worker() { return os::getpid(); }
int square(int x) { return x * x; }

// Opens a FIFO for reading: blocks until the test opens it for writing, or the process is killed.
int wait_for(std::string fifo) {
  std::ifstream opened(fifo);
  return os::getpid();
}
// Lets one go on that waits in wait_for.
void open_for_writing(std::string fifo) { std::ofstream opened(fifo); }
// Says its pid through one FIFO, then blocks in another.
int announce_and_wait_for(std::string announce, std::string fifo) {
  std::ofstream(announce) << os::getpid() << '\n';
  return wait_for(fifo);
}

struct ThrowsWhenEncoded {
  int value = 0;
  bool armed = false;
  template <class Archive>
  void serialize(Archive& archive) {
    if (armed) throw std::domain_error("refuses to be encoded");
    archive(value, armed);
  }
};
int take(ThrowsWhenEncoded argument) { return argument.value; }
ThrowsWhenEncoded make(bool armed) { return {.value = 7, .armed = armed}; }

void sleep_for_milliseconds(int number) { std::this_thread::sleep_for(std::chrono::milliseconds(number)); }

int squares_in_a_pool_of_its_own(int n) {
  ProcessPoolExecutor pool({.max_workers = 1});
  return pool.submit(square, n).result();
}

// More strictly aligned than any memory that is not asked to be.
struct alignas(128) Wide {
  int value = 0;
  [[nodiscard]] bool aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(Wide) == 0; }
};
Wide widen(int value) { return {.value = value}; }

// ---- fixture -------------------------------------------------------------------------------------------------------

class Fifo {
 public:
  Fifo() {
    std::string name = (std::filesystem::temp_directory_path() / "fifo-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    if (mkfifo(path().c_str(), 0600) != 0) throw std::system_error(errno, std::system_category(), "mkfifo");
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  ~Fifo() { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return directory_ + "/fifo"; }
  // Lets one process go on that waits in wait_for.
  void open() const { std::ofstream opened(path()); }
  [[nodiscard]] int read_pid() const {
    std::ifstream in(path());
    int pid = 0;
    in >> pid;
    in.ignore(std::numeric_limits<std::streamsize>::max());  // to the end: the next reader must not meet this writer
    return pid;
  }

 private:
  std::string directory_;
};

class ProcessPool : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static multiprocessing::Context context() { return multiprocessing::get_context(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(StartMethods, ProcessPool, testing::Values("forkserver", "spawn", "fork"),
                         [](const auto& method) { return std::string(method.param); });

// ---- workers -------------------------------------------------------------------------------------------------------

TEST_P(ProcessPool, AnIdleWorkerIsUsedBeforeANewOneIsStarted) {
  ProcessPoolExecutor pool({.max_workers = 4, .mp_context = context()});
  const int first = pool.submit(pid_of_worker).result();
  for (int round = 0; round < 20; ++round) EXPECT_EQ(pool.submit(pid_of_worker).result(), first);
  EXPECT_NE(first, os::getpid());
}

TEST_P(ProcessPool, BusyWorkersGetCompanyUpToTheMaximum) {
  ProcessPoolExecutor pool({.max_workers = 3, .mp_context = context()});
  const Fifo announced;
  const std::array<Fifo, 3> gates;
  std::vector<Future<int>> waiting;
  std::set<int> pids;
  for (const Fifo& gate : gates) {
    waiting.push_back(pool.submit(announce_and_wait_for, announced.path(), gate.path()));
    pids.insert(announced.read_pid());
  }
  EXPECT_EQ(pids.size(), 3U);
  for (const Fifo& gate : gates) gate.open();
  for (auto& future : waiting) EXPECT_TRUE(pids.contains(future.result()));
}

TEST_P(ProcessPool, ResultsKeepTheirAlignment) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const std::vector<int> numbers(200, 3);
  for (const Wide& wide : pool.map(widen, numbers)) {
    EXPECT_TRUE(wide.aligned());
    EXPECT_EQ(wide.value, 3);
  }
  auto future = pool.submit(widen, 5);
  EXPECT_TRUE(future.result().aligned());
}

TEST_P(ProcessPool, MaxTasksPerChildReplacesWorkers) {
  if (std::string(GetParam()) == "fork") {
    EXPECT_THROW(ProcessPoolExecutor({.mp_context = context(), .max_tasks_per_child = 1}), ValueError);
    return;
  }
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context(), .max_tasks_per_child = 2});
  std::vector<int> pids;
  for (int task = 0; task < 6; ++task) pids.push_back(pool.submit(pid_of_worker).result());
  EXPECT_EQ(pids[0], pids[1]);
  EXPECT_NE(pids[1], pids[2]);
  EXPECT_EQ(pids[2], pids[3]);
  EXPECT_NE(pids[3], pids[4]);
  EXPECT_EQ(pids[4], pids[5]);
}

TEST_P(ProcessPool, MaxTasksPerChildWithABacklogLosesNothing) {
  if (std::string(GetParam()) == "fork") GTEST_SKIP() << "max_tasks_per_child is refused for fork";
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context(), .max_tasks_per_child = 3});
  std::vector<Future<int>> futures;
  for (int task = 0; task < 50; ++task) futures.push_back(pool.submit(square, task));
  pool.shutdown({.wait = false});
  for (int task = 0; task < 50; ++task) EXPECT_EQ(futures[static_cast<std::size_t>(task)].result(), task * task);
}

TEST_P(ProcessPool, ATaskDoesNotWaitBehindALongOneWhileAWorkerIsIdle) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  for (int warm = 0; warm < 2'000; ++warm) pool.submit(square, warm).result();  // lanes are deep now
  const Fifo gate;
  std::vector<Future<int>> quick;
  auto blocked = pool.submit(wait_for, gate.path());
  for (int task = 0; task < 200; ++task) quick.push_back(pool.submit(square, task));
  for (int task = 0; task < 200; ++task) EXPECT_EQ(quick[static_cast<std::size_t>(task)].result(), task * task);
  EXPECT_FALSE(blocked.done());
  gate.open();
  blocked.result();
}

// ---- initializer ---------------------------------------------------------------------------------------------------

// Short tasks are stacked up before one worker. A long one among them must not hold up those behind it, for which it
// may even wait.
TEST_P(ProcessPool, ATaskMayWaitForTheNextAfterManyShortOnes) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  const Fifo fifo;
  for (int round = 0; round < 30; ++round) {
    std::vector<Future<int>> squares;
    for (int x = 0; x < 500; ++x) squares.push_back(pool.submit(square, x));
    auto waits = pool.submit(wait_for, fifo.path());
    auto opens = pool.submit(open_for_writing, fifo.path());
    EXPECT_GT(waits.result(), 0);
    opens.result();
    for (int x = 0; x < 500; ++x) EXPECT_EQ(squares[static_cast<std::size_t>(x)].result(), x * x);
  }
}

TEST_P(ProcessPool, ATaskMayWaitForTheNextThatNeedsANewWorker) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  for (int x = 0; x < 500; ++x) EXPECT_EQ(pool.submit(square, x).result(), x * x);  // all by one worker
  const Fifo fifo;
  auto waits = pool.submit(wait_for, fifo.path());
  auto opens = pool.submit(open_for_writing, fifo.path());
  EXPECT_GT(waits.result(), 0);
  opens.result();
}

// Some are in the lane of the worker that had the short ones, the others in the queue.
TEST_P(ProcessPool, ATaskMayWaitForTheLastOfSeveralBehindIt) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  const Fifo fifo;
  for (int round = 0; round < 30; ++round) {
    for (int x = 0; x < 50; ++x) EXPECT_EQ(pool.submit(square, x).result(), x * x);
    auto waits = pool.submit(wait_for, fifo.path());
    std::vector<Future<int>> squares;
    for (int x = 0; x < 8; ++x) squares.push_back(pool.submit(square, x));
    auto opens = pool.submit(open_for_writing, fifo.path());
    EXPECT_GT(waits.result(), 0);
    opens.result();
    for (int x = 0; x < 8; ++x) EXPECT_EQ(squares[static_cast<std::size_t>(x)].result(), x * x);
  }
}

// A worker that could not be started is tried again while tasks run, also when one of those waits for one behind it.
TEST_P(ProcessPool, AWorkerRefusedIsStartedLater) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  pool.submit(square, 1).result();
  const Fifo fifo;
  auto waits = pool.submit(wait_for, fifo.path());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  auto opens = pool.submit(open_for_writing, fifo.path());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_GT(waits.result(), 0);
  opens.result();
}

// What nobody waits for is brought back all the same, also after a stream of tasks for which nobody had to be woken.
TEST_P(ProcessPool, CallbacksRunWithoutAnybodyWaiting) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  for (int round = 0; round < 20; ++round) {
    std::latch called(200);
    for (int x = 0; x < 200; ++x) pool.submit(square, x).add_done_callback([&](Future<int>&) { called.count_down(); });
    called.wait();
  }
}

TEST_P(ProcessPool, InitializerRunsInEachWorkerBeforeItsTasks) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context(), .initializer = {set_state, 42}});
  for (int round = 0; round < 10; ++round) EXPECT_EQ(pool.submit(get_state).result(), 42);
  EXPECT_EQ(state_of_worker, 0);
}

TEST_P(ProcessPool, InitializerThatThrowsBreaksThePoolWithItsMessage) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context(), .initializer = {throw_invalid, "no model"}});
  auto first = pool.submit(get_state);
  try {
    first.result();
    FAIL() << "the task ran although the initializer failed";
  } catch (const BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr("no model"));
  }
  EXPECT_THROW(pool.submit(get_state), BrokenProcessPool);
}

TEST_P(ProcessPool, InitializerThatEndsTheWorkerBreaksThePool) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context(), .initializer = {leave, 3}});
  auto first = pool.submit(get_state);
  try {
    first.result();
    FAIL() << "the task ran although the initializer failed";
  } catch (const BrokenProcessPool& error) {
    EXPECT_THAT(error.what(), HasSubstr("exited with code 3"));
    EXPECT_THAT(error.what(), HasSubstr("initializer"));
  }
}

// ---- the end -------------------------------------------------------------------------------------------------------

TEST_P(ProcessPool, KillWorkersFailsWhatRunsAndCancelsWhatWaits) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const Fifo announced;
  const Fifo gate;
  auto running = pool.submit(announce_and_wait_for, announced.path(), gate.path());
  const int pid = announced.read_pid();
  std::vector<Future<int>> waiting;
  for (int task = 0; task < 10; ++task) waiting.push_back(pool.submit(square, task));
  pool.kill_workers();
  try {
    running.result();
    FAIL() << "the killed task has a result";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.pid(), pid);
    EXPECT_EQ(died.signal(), SIGKILL);
  }
  EXPECT_THROW(pool.submit(square, 1), RuntimeError);
  pool.shutdown();
  for (auto& future : waiting) EXPECT_TRUE(future.done());
  EXPECT_TRUE(waiting.back().cancelled());
}

TEST_P(ProcessPool, TerminateWorkersSendsSigterm) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const Fifo announced;
  const Fifo gate;
  auto running = pool.submit(announce_and_wait_for, announced.path(), gate.path());
  static_cast<void>(announced.read_pid());
  pool.terminate_workers();
  try {
    running.result();
    FAIL() << "the terminated task has a result";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.signal(), SIGTERM);
  }
}

TEST_P(ProcessPool, TerminateAndKillWithoutWorkersDoNothing) {
  ProcessPoolExecutor pool({.mp_context = context()});
  pool.terminate_workers();
  pool.kill_workers();
  EXPECT_THROW(pool.submit(square, 1), RuntimeError);
}

// Tasks that were handed to a worker and come back from it when it dies are not to be cancelled any more, nor lost.
TEST_P(ProcessPool, ShutdownCanCancelAfterAWorkerDied) {
  for (int round = 0; round < 5; ++round) {
    ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
    const int worker = pool.submit(pid_of_worker).result();
    std::vector<Future<int>> warm;
    for (int x = 0; x < 2'000; ++x) warm.push_back(pool.submit(square, x));  // the lane is deep now
    std::vector<Future<void>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit(sleep_for_milliseconds, 1));
    futures[3].result();
    kill(worker, SIGKILL);
    EXPECT_FALSE(wait({.return_when = FIRST_EXCEPTION}, futures).done.empty());
    pool.shutdown({.cancel_futures = true});
    for (const auto& future : futures) EXPECT_TRUE(future.done());
  }
}

// Those who wait collect; then nobody is left but the pool's own thread to see that all is done.
TEST_P(ProcessPool, ShutdownReturnsWhenAnotherThreadHasFetchedTheLastResult) {
  for (int round = 0; round < 100; ++round) {
    ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
    auto last = pool.submit(sleep_for_milliseconds, 2);
    std::thread fetches([last] {
      for (bool done = false; !done;) {
        try {
          last.result(std::chrono::microseconds(100));
          done = true;
        } catch (const TimeoutError&) {
        }
      }
    });
    pool.shutdown();
    fetches.join();
  }
}

TEST_P(ProcessPool, ShutdownWithoutWaitLetsTheWorkFinish) {
  Future<int> future;
  const Fifo gate;
  {
    ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
    future = pool.submit(wait_for, gate.path());
    pool.shutdown({.wait = false});
    EXPECT_FALSE(future.done());
    gate.open();
  }
  EXPECT_TRUE(future.done());
}

// ---- what crosses the border ---------------------------------------------------------------------------------------

TEST_P(ProcessPool, AnArgumentThatCannotBeEncodedFailsOnlyItsFuture) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  auto bad = pool.submit(take, ThrowsWhenEncoded{.value = 1, .armed = true});
  auto good = pool.submit(take, ThrowsWhenEncoded{.value = 2});
  EXPECT_THROW(bad.result(), std::domain_error);
  EXPECT_EQ(good.result(), 2);
}

TEST_P(ProcessPool, AResultThatCannotBeEncodedFailsOnlyItsFuture) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  auto bad = pool.submit(make, true);
  auto good = pool.submit(make, false);
  EXPECT_THROW(bad.result(), std::domain_error);
  EXPECT_EQ(good.result().value, 7);
}

TEST_P(ProcessPool, AnExceptionKeepsTypeAndMessage) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  auto future = pool.submit(throw_invalid, "wrong number");
  try {
    future.result();
    FAIL() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "wrong number");
  }
}

TEST_P(ProcessPool, LargePayloadsGoBothWays) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  std::vector<double> numbers(1'000'000);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const auto doubled = pool.submit(
                               +[](std::vector<double> xs) {
                                 for (double& x : xs) x *= 2;
                                 return xs;
                               },
                               numbers)
                           .result();
  ASSERT_EQ(doubled.size(), numbers.size());
  EXPECT_EQ(doubled.front(), 0.0);
  EXPECT_EQ(doubled.back(), 2.0 * 999'999);
}

// ---- callbacks and threads -----------------------------------------------------------------------------------------

TEST_P(ProcessPool, CallbacksNeverRunInAThreadThatWaitsForAResult) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  const auto here = std::this_thread::get_id();
  std::mutex held;
  for (int round = 0; round < 500; ++round) {
    std::latch called(1);
    std::unique_lock lock(held);
    auto future = pool.submit(square, round);
    future.add_done_callback([&](Future<int>&) {
      if (std::this_thread::get_id() != here) const std::scoped_lock wanted(held);  // the waiting thread has it
      called.count_down();
    });
    EXPECT_EQ(future.result(), round * round);
    lock.unlock();
    called.wait();
  }
}

TEST_P(ProcessPool, ManyThreadsSubmitAndWaitAtOnce) {
  ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  pool.submit(square, 1).result();
  constexpr int threads = 4;
  std::latch ready(threads);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> submitters;
    for (int thread = 0; thread < threads; ++thread) {
      submitters.emplace_back([&, thread] {
        ready.arrive_and_wait();
        for (int round = 0; round < 1'000; ++round) {
          const int x = thread * 1'000 + round;
          if (pool.submit(square, x).result() != x * x) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_P(ProcessPool, AWorkerCanHaveAPoolOfItsOwn) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  EXPECT_EQ(pool.submit(squares_in_a_pool_of_its_own, 9).result(), 81);
}

TEST_P(ProcessPool, AForkedCopyOfThePoolRefusesAndDoesNotHang) {
  ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  ASSERT_EQ(pool.submit(square, 3).result(), 9);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      static_cast<void>(pool.submit(square, 4));
    } catch (const RuntimeError&) {
      code = 0;
    }
    pool.shutdown();
    _exit(code);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(pool.submit(square, 5).result(), 25);
}

// ---- bad options ---------------------------------------------------------------------------------------------------

TEST(ProcessPoolOptions, NoWorkersIsAValueError) {
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = 0}), ValueError);
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = -1}), ValueError);
}

TEST(ProcessPoolOptions, NoTasksPerChildIsAValueError) {
  EXPECT_THROW(ProcessPoolExecutor({.max_tasks_per_child = 0}), ValueError);
}

}  // namespace
}  // namespace plait::futures
