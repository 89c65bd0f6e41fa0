// SPDX-License-Identifier: Apache-2.0
// Messages of every size, and serializers that fail: M1 and M3 of the fault list.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "belongings.hpp"
#include "fault_test.hpp"
#include "plait/multiprocessing/process.hpp"
#include "plait/multiprocessing/queue.hpp"
#include "troubled.hpp"

namespace plait::faults {
namespace {

// The most memory that the family had while the object lives, beyond what it had at first.
class PeakMemory {
 public:
  PeakMemory() : before_(memory_of_family()), watcher_([this] { watch(); }) {}
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;
  ~PeakMemory() { stop(); }

  std::size_t stop() {
    done_ = true;
    if (watcher_.joinable()) watcher_.join();
    return most_;
  }

 private:
  void watch() {
    while (!done_) {
      const std::size_t now = memory_of_family();
      most_ = std::max(most_, now > before_ ? now - before_ : 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  const std::size_t before_;
  std::size_t most_ = 0;
  std::atomic<bool> done_{false};
  std::thread watcher_;
};

}  // namespace

// ---- M1 ------------------------------------------------------------------------------------------------------------

std::string echo(std::string text) { return text; }

class FaultM1 : public OverStartMethods {
 protected:
  void expect_echo(std::size_t size) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    const std::string sent = pattern(size);
    auto future = pool_.submit(echo, sent);
    const std::string& got = future.result(std::chrono::minutes(10));
    EXPECT_EQ(got.size(), size);
    EXPECT_TRUE(got == sent);  // not EXPECT_EQ, which would print them
  }

  ProcessPoolExecutor pool_{workers(1)};
};
PLAIT_OVER_START_METHODS(FaultM1, "forkserver", "spawn", "fork");

TEST_P(FaultM1, SmallMessages) {
  for (std::size_t size = 0; size <= 300; ++size) expect_echo(size);
}

TEST_P(FaultM1, MediumMessages) {
  for (const std::size_t size : {4 * KiB, 64 * KiB, MiB, 2 * MiB, 16 * MiB}) {
    for (const std::size_t near : {size - 1, size, size + 1}) expect_echo(near);
  }
}

class FaultM1Large : public FaultM1 {
 protected:
  void expect_huge_echo(std::size_t size) {
    if (!soak()) GTEST_SKIP() << "needs up to 16 GiB of memory: scripts/test --soak";
    expect_echo(size);
  }
};
PLAIT_OVER_START_METHODS(FaultM1Large, "forkserver");

TEST_P(FaultM1Large, MessageOfOneByteLessThan2GiB) { expect_huge_echo(2 * GiB - 1); }
TEST_P(FaultM1Large, MessageOf2GiB) { expect_huge_echo(2 * GiB); }
TEST_P(FaultM1Large, MessageOf3GiB) { expect_huge_echo(3 * GiB); }
TEST_P(FaultM1Large, MessageOfMoreThan4GiB) { expect_huge_echo(4 * GiB + 1); }

// An argument that comes back takes, beside itself, three times its size at most: the message, the worker's copy, and
// the result's message; the caller's result takes the place of the first two.
TEST_P(FaultM1Large, PeakMemoryIsThreeTimesTheMessage) {
  if (sanitized) GTEST_SKIP() << "sanitizers have memory of their own";
  expect_echo(1);
  const std::size_t size = soak() ? 2 * GiB : 128 * MiB;
  const std::string sent = pattern(size);
  PeakMemory peak;
  auto future = pool_.submit(echo, sent);
  EXPECT_TRUE(future.result(std::chrono::minutes(10)) == sent);
  const double factor = static_cast<double>(peak.stop()) / static_cast<double>(size);
  EXPECT_LE(factor, 3.1);
  EXPECT_GE(factor, 0.9) << "nothing was measured";
}

// Items of queues: short ones lie in the queue, up to 4080 encoded bytes.
class FaultM1OfQueues : public OverStartMethods {
 protected:
  static void expect_echo(std::size_t size) {
    const multiprocessing::Queue<std::string> in, out;
    multiprocessing::Process process(
        {.context = multiprocessing::get_context(GetParam())},
        [](multiprocessing::Queue<std::string> from, multiprocessing::Queue<std::string> to) { to.put(from.get()); },
        in, out);
    process.start();
    {
      const std::string sent = pattern(size);
      in.put(sent);
    }
    EXPECT_TRUE(out.get() == pattern(size)) << size;
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
  }
};
PLAIT_OVER_START_METHODS(FaultM1OfQueues, "forkserver", "fork");

TEST_P(FaultM1OfQueues, AllSizes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 64 * KiB, MiB, 100 * MiB}) expect_echo(size);
  for (std::size_t size = 4'060; size <= 4'090; ++size) expect_echo(size);
}
TEST_P(FaultM1OfQueues, Gigabytes) {
  if (!soak()) GTEST_SKIP() << "needs up to 16 GiB of memory: scripts/test --soak";
  for (const std::size_t size : {2 * GiB - 1, 2 * GiB, 4 * GiB + 5}) expect_echo(size);
}

// ---- M3 ------------------------------------------------------------------------------------------------------------

class FaultM3 : public OverStartMethods {
 protected:
  // Only this future fails; those around it have results, and the pool goes on.
  template <class Expect>
  void expect_alone(Expect expect) {
    std::vector<Future<int>> others;
    for (int i = 0; i < 20; ++i) others.push_back(pool_.submit(square, i));
    expect();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].result(T), i * i);
    expect_squares(pool_, 20);
  }

  template <class R>
  static void expect_own_error(const Future<R>& future) {
    try {
      static_cast<void>(future.result(T));
      FAIL() << "the future has a value";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(complaint));
    }
  }

  void expect_bad_argument(When when) {
    expect_alone([&] { expect_own_error(pool_.submit(take, Troubled{.when = when})); });
  }
  void expect_bad_result(When when) {
    expect_alone([&] { expect_own_error(pool_.submit(give, when, How::throws)); });
  }

  ProcessPoolExecutor pool_{workers(2)};
};
PLAIT_OVER_START_METHODS(FaultM3, "forkserver", "spawn", "fork");

TEST_P(FaultM3, ArgumentThrowsWhenMeasured) { expect_bad_argument(When::measured); }
TEST_P(FaultM3, ArgumentThrowsWhenEncoded) { expect_bad_argument(When::encoded); }
TEST_P(FaultM3, ArgumentThrowsWhenDecoded) { expect_bad_argument(When::decoded); }
TEST_P(FaultM3, ResultThrowsWhenMeasured) { expect_bad_result(When::measured); }
TEST_P(FaultM3, ResultThrowsWhenEncoded) { expect_bad_result(When::encoded); }
TEST_P(FaultM3, ResultThrowsWhenDecoded) { expect_bad_result(When::decoded); }

// A crash in the worker costs that task, in whichever stage. (In the caller's own process, where arguments are encoded
// and results decoded, a crash is the caller's.)
TEST_P(FaultM3, ArgumentCrashesWhenDecoded) {
  expect_alone([&] {
    EXPECT_EQ(death_of(pool_.submit(take, Troubled{.when = When::decoded, .how = How::crashes})).signal(), SIGSEGV);
  });
}
TEST_P(FaultM3, ResultCrashesWhenMeasured) {
  expect_alone([&] { EXPECT_EQ(death_of(pool_.submit(give, When::measured, How::crashes)).signal(), SIGSEGV); });
}
TEST_P(FaultM3, ResultCrashesWhenEncoded) {
  expect_alone([&] { EXPECT_EQ(death_of(pool_.submit(give, When::encoded, How::crashes)).signal(), SIGSEGV); });
}

}  // namespace plait::faults
