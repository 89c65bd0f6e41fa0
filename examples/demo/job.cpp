// SPDX-License-Identifier: Apache-2.0
#include "job.hpp"

#include <signal.h>
#include <plait/os.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>

#include "progress.hpp"

namespace demo {
namespace {

using plait::futures::as_completed;
using plait::futures::Executor;
using plait::futures::Future;

double private_mebibytes(int pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  double kibibytes = 0;
  for (std::string word; rollup >> word;) {
    double value = 0;
    if ((word == "Private_Clean:" || word == "Private_Dirty:") && rollup >> value) kibibytes += value;
  }
  return kibibytes / 1024;
}

// 'R' when the process computes, 'S' when it waits, 0 when there is no such process.
char state_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  char state = 0;
  stat >> number >> name >> state;
  return state;
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

void finish(Outcome& outcome, const Stopwatch& watch) {
  outcome.wall_seconds = watch.seconds();
  std::set<int> processes{plait::os::getpid()};
  for (const Verdict& verdict : outcome.verdicts) {
    outcome.cpu_seconds += static_cast<double>(verdict.cpu_time) / 1e9;
    processes.insert(verdict.pid);
  }
  for (const int pid : processes) outcome.private_mebibytes += private_mebibytes(pid);
}

Outcome run(Executor& executor, const std::string& name, const std::vector<std::int64_t>& numbers,
            const std::function<void(const Outcome&)>& after_each) {
  const Stopwatch watch;
  Progress progress(name, numbers.size());
  std::vector<Future<Verdict>> futures;
  futures.reserve(numbers.size());
  for (const std::int64_t number : numbers) futures.push_back(executor.submit(check, number));
  Outcome outcome;
  for (auto& future : as_completed(futures)) {
    try {
      outcome.verdicts.push_back(future.result());
    } catch (const plait::futures::BrokenExecutor& died) {
      outcome.failures.emplace_back(died.what());
    }
    progress.advance();
    after_each(outcome);
  }
  finish(outcome, watch);
  return outcome;
}

}  // namespace

Outcome run_serially(const std::vector<std::int64_t>& numbers) {
  const Stopwatch watch;
  Progress progress("one thread", numbers.size());
  Outcome outcome;
  for (const std::int64_t number : numbers) {
    outcome.verdicts.push_back(check(number));
    progress.advance();
  }
  finish(outcome, watch);
  return outcome;
}

Outcome run_on(Executor& executor, const std::string& name, const std::vector<std::int64_t>& numbers) {
  return run(executor, name, numbers, [](const Outcome&) {});
}

Outcome run_and_kill_a_worker(plait::futures::ProcessPoolExecutor& executor, const std::vector<std::int64_t>& numbers) {
  // A worker that happens to be between two tasks dies without harm: then all is done once more.
  constexpr int most_tries = 5;
  Outcome outcome;
  for (int tries = 0; tries < most_tries && outcome.failures.empty(); ++tries) {
    bool killed = false;
    outcome = run(executor, "with a kill", numbers, [&](const Outcome& so_far) {
      if (killed || so_far.verdicts.size() < numbers.size() / 3) return;
      killed = std::ranges::any_of(so_far.verdicts, [](const Verdict& verdict) {
        return state_of(verdict.pid) == 'R' && kill(verdict.pid, SIGKILL) == 0;
      });
    });
  }
  return outcome;
}

}  // namespace demo
