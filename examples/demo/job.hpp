// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The main job run in one of three ways, and measured.

#include <plait/futures.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "primes.hpp"

namespace demo {

struct Outcome {
  std::vector<Verdict> verdicts;      // of the tasks that succeeded, as they finished
  std::vector<std::string> failures;  // what the others failed of
  double wall_seconds = 0;
  double cpu_seconds = 0;        // spent in tasks, wherever they ran
  double private_mebibytes = 0;  // of this process and its workers, at the end of the run
};

Outcome run_serially(const std::vector<std::int64_t>& numbers);

// The same job on any back end: threads, processes.
Outcome run_on(plait::futures::Executor& executor, const std::string& name, const std::vector<std::int64_t>& numbers);

// As run_on, but once a third of the results are in, a worker that is busy is killed by SIGKILL.
Outcome run_and_kill_a_worker(plait::futures::ProcessPoolExecutor& executor, const std::vector<std::int64_t>& numbers);

}  // namespace demo
