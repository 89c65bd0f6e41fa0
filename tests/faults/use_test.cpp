// SPDX-License-Identifier: Apache-2.0
// Endless input, idle pools, and how many workers there are: B1, I1 and I2 of the fault list.
#include <gmock/gmock.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <ranges>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fault_test.hpp"
#include "plait/os.hpp"

namespace plait::faults {

using futures::Executor;
using futures::ThreadPoolExecutor;

// ---- B1 ------------------------------------------------------------------------------------------------------------

// An executor of each kind.
class FaultB1 : public testing::TestWithParam<const char*> {
 protected:
  // 0, 1, 2, … without end; counts how many were pulled.
  auto endless() {
    return std::views::iota(0) | std::views::transform([this](int i) {
             ++pulled_;
             return i;
           });
  }

  // Takes some results one by one; never are more than `window` tasks ahead.
  template <class Results>
  void consume_slowly(Results results, int window) {
    int taken = 0;
    for (const int value : results) {
      EXPECT_EQ(value, taken * taken);
      ++taken;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a slow consumer
      EXPECT_LE(pulled_, taken + window);
      if (taken == 100 || HasFailure()) break;
    }
    EXPECT_GE(pulled_, 100);
  }

  std::unique_ptr<Executor> executor_ = [] {
    if (GetParam() == std::string("threads"))
      return std::unique_ptr<Executor>(
          std::make_unique<ThreadPoolExecutor>(futures::ThreadPoolOptions{.max_workers = 2}));
    return std::unique_ptr<Executor>(std::make_unique<ProcessPoolExecutor>(ProcessPoolOptions{.max_workers = 2}));
  }();
  int pulled_ = 0;
};
PLAIT_OVER_START_METHODS(FaultB1, "threads", "processes");

TEST_P(FaultB1, EndlessInputWithBufferSize) {
  for (const int buffer : {1, 2, 7, 64}) {
    pulled_ = 0;
    consume_slowly(executor_->map({.buffersize = buffer}, square, endless()), buffer);
  }
}

TEST_P(FaultB1, EndlessInputWithDefaultWindow) {
  consume_slowly(executor_->map(square, endless()), static_cast<int>(Executor::default_buffersize));
}

// In chunks, the buffer counts chunks; one more is that whose results are being taken.
TEST_P(FaultB1, EndlessInputInChunks) {
  consume_slowly(executor_->map({.chunksize = 5, .buffersize = 3}, square, endless()), 5 * (3 + 1));
}

TEST_P(FaultB1, NothingIsPulledWhileNobodyConsumes) {
  auto results = executor_->map({.buffersize = 8}, square, endless());
  executor_->submit(square, 3).result(T);
  EXPECT_LE(pulled_, 8);
}

// ---- I1 ------------------------------------------------------------------------------------------------------------

class FaultI1 : public OverStartMethods {
 protected:
  struct Activity {
    std::uint64_t cpu_nanoseconds = 0, switches = 0;
    friend bool operator==(const Activity&, const Activity&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Activity& activity) {
      return out << activity.cpu_nanoseconds << " ns, " << activity.switches << " switches";
    }
  };

  // What each thread of this program and its family has done so far, but for the thread that asks.
  static std::map<std::string, Activity> activities() {
    std::map<std::string, Activity> result;
    std::vector<pid_t> processes{::getpid()};
    for (const tests::FamilyMember& member : tests::family()) processes.push_back(member.pid);
    for (const pid_t process : processes) {
      std::error_code error;
      for (const auto& entry :
           std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", error)) {
        if (entry.path().filename() == std::to_string(::gettid())) continue;
        std::string name = tests::read_file(entry.path() / "comm");
        if (name.ends_with('\n')) name.pop_back();
        Activity& activity = result[name + " " + entry.path().filename().string() + " of " + std::to_string(process)];
        std::istringstream(tests::read_file(entry.path() / "schedstat")) >> activity.cpu_nanoseconds;
        std::istringstream status(tests::read_file(entry.path() / "status"));
        for (std::string line; std::getline(status, line);) {
          if (line.find("ctxt_switches:") != std::string::npos)
            activity.switches += std::stoull(line.substr(line.find(':') + 1));
        }
      }
    }
    return result;
  }

  static void expect_idle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(sanitized ? 1000 : 100));  // the row's own delay
    const auto before = activities();
    std::this_thread::sleep_for(std::chrono::seconds(soak() ? 60 : 2));
    EXPECT_THAT(activities(), testing::ContainerEq(before));
  }
};
PLAIT_OVER_START_METHODS(FaultI1, "forkserver", "spawn", "fork");

TEST_P(FaultI1, IdlePoolDoesNothing) {
  ProcessPoolExecutor pool(workers(3));
  expect_squares(pool, 1000);
  expect_idle();
}

class FaultI1InDetail : public FaultI1 {};
PLAIT_OVER_START_METHODS(FaultI1InDetail, "forkserver");

// Nothing waits for a moment any more after a round trip, in which threads and workers spin.
TEST_P(FaultI1InDetail, IdleAfterRoundTrips) {
  ProcessPoolExecutor pool(workers(2));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pool.submit(square, i).result(), i * i);
  expect_idle();
}

// A long task runs in one worker, and the rest sleeps; so does the thread that waits for it.
TEST_P(FaultI1InDetail, OthersAreIdleWhileATaskWaits) {
  Fifo started(folder_.file("started"));
  ProcessPoolExecutor pool(workers(2));
  expect_squares(pool, 1000);
  auto sleeping = pool.submit(tell_and_hang, started.path());
  started.pid();
  std::thread waiter([sleeping] { EXPECT_THROW(sleeping.result(), WorkerDied); });
  expect_idle();
  pool.kill_workers();
  waiter.join();
}

TEST(FaultI1Threads, IdlePoolDoesNothing) {
  ThreadPoolExecutor pool({.max_workers = 3});
  expect_squares(pool, 1000);
  std::map<std::string, std::uint64_t> before, after;
  const auto look = [](auto& switches) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      if (entry.path().filename() == std::to_string(::gettid())) continue;
      std::istringstream(tests::read_file(entry.path() / "schedstat")) >> switches[entry.path().filename()];
    }
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(sanitized ? 1000 : 100));
  look(before);
  std::this_thread::sleep_for(std::chrono::seconds(soak() ? 60 : 2));
  look(after);
  EXPECT_EQ(after, before);
}

// ---- I2 ------------------------------------------------------------------------------------------------------------

// How many workers a pool has that was not told how many.
int default_workers() {
  TemporaryFolder folder;
  Fifo started(folder.file("started"));
  const Newcomers processes;
  ProcessPoolExecutor pool;
  // Workers are started in submit, so after these no more will come.
  std::vector<Future<void>> tasks;
  for (int i = 0; i < 2 * os::process_cpu_count() + 4; ++i) tasks.push_back(pool.submit(tell_and_hang, started.path()));
  const auto count = static_cast<int>(processes.now().size());
  for (int i = 0; i < count; ++i) started.pid();
  pool.kill_workers();
  return count;
}

TEST(FaultI2, DefaultWorkersFollowTheAffinityMask) {
  expect_squares(*std::make_unique<ProcessPoolExecutor>(), 1);  // a fork server is there, if it was not
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(default_workers(), os::process_cpu_count());
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(os::process_cpu_count(), 1);
  EXPECT_EQ(default_workers(), 1);
  ::sched_setaffinity(0, sizeof before, &before);
}

// A control group of our own below the one of this process.
class CpuGroup {
 public:
  CpuGroup() {
    const std::string name = "/plait-faults-" + std::to_string(::getpid());
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const auto first = line.find(':'), second = line.find(':', first + 1);
      const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
      if (controllers == "cpu" || controllers == "cpu,cpuacct")
        try_group("/sys/fs/cgroup/" + controllers + path, name, "cpu.cfs_quota_us", "");
      else if (controllers.empty())
        try_group("/sys/fs/cgroup" + path, name, "cpu.max", " 100000");
    }
  }
  CpuGroup(const CpuGroup&) = delete;
  CpuGroup& operator=(const CpuGroup&) = delete;
  ~CpuGroup() {
    if (!usable()) return;
    std::ofstream(parent_ + "/cgroup.procs") << ::getpid() << std::flush;
    // Its last processes may be on their way out.
    for (int i = 0; i < 1000 && ::rmdir(path_.c_str()) != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  [[nodiscard]] bool usable() const { return !path_.empty(); }
  bool set_quota(int percent) {
    return static_cast<bool>(std::ofstream(path_ + quota_file_) << percent * 1000 << suffix_ << std::flush);
  }

 private:
  void try_group(std::string parent, const std::string& name, const char* quota_file, const char* suffix) {
    while (parent.ends_with('/')) parent.pop_back();
    std::error_code error;
    if (usable() || !std::filesystem::create_directory(parent + name, error)) return;
    path_ = parent + name;
    parent_ = parent;
    quota_file_ = std::string("/") + quota_file;
    suffix_ = suffix;
    if (std::filesystem::exists(path_ + quota_file_) && set_quota(100) &&
        (std::ofstream(path_ + "/cgroup.procs") << ::getpid() << std::flush))
      return;
    ::rmdir(path_.c_str());
    path_.clear();
  }

  std::string path_, parent_, quota_file_, suffix_;
};

TEST(FaultI2, DefaultWorkersFollowTheQuotaOfTheControlGroup) {
  const int without = os::process_cpu_count();
  if (without < 2) GTEST_SKIP() << "needs two processors";
  expect_squares(*std::make_unique<ProcessPoolExecutor>(), 1);
  CpuGroup group;
  if (!group.usable()) GTEST_SKIP() << "control groups cannot be made here";
  EXPECT_EQ(os::process_cpu_count(), 1);
  EXPECT_EQ(default_workers(), 1);
  ASSERT_TRUE(group.set_quota(150));
  EXPECT_EQ(os::process_cpu_count(), 2);  // rounded up
  EXPECT_EQ(default_workers(), 2);
}

}  // namespace plait::faults
