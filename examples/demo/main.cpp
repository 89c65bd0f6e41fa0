// SPDX-License-Identifier: Apache-2.0
//
// plait-demo: the tutorial's job, trial division of 65 large integers, by one thread, by a thread pool and by a
// process pool; then once more with a worker killed in the middle.

#include <plait/plait.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "input.hpp"
#include "job.hpp"
#include "primes.hpp"

namespace {

using demo::Outcome;
using plait::futures::ProcessPoolExecutor;
using plait::futures::ThreadPoolExecutor;

struct Options {
  std::string numbers_from;
  int workers = 16;
  bool use_threads = false;
};

void print_row(const char* name, const Outcome& outcome, double serial_seconds) {
  std::printf("%-26s %8.2f s %7.0f %% %8.2f x %9.1f MiB\n", name, outcome.wall_seconds,
              100 * outcome.cpu_seconds / outcome.wall_seconds, serial_seconds / outcome.wall_seconds,
              outcome.private_mebibytes);
  std::fflush(stdout);
}

bool same_verdicts(Outcome a, Outcome b) {
  const auto by_number = [](const demo::Verdict& verdict) { return std::pair(verdict.number, verdict.prime); };
  std::ranges::sort(a.verdicts, {}, by_number);
  std::ranges::sort(b.verdicts, {}, by_number);
  return std::ranges::equal(a.verdicts, b.verdicts, {}, by_number, by_number);
}

int run_tutorial_job(const Options& options) {
  const auto& numbers = demo::tutorial_numbers();
  std::printf("Trial division of %zu large integers, %d workers, %d processors\n\n", numbers.size(), options.workers,
              plait::os::process_cpu_count());
  std::printf("%-26s %10s %9s %10s %13s\n", "", "wall time", "CPU", "speed-up", "memory");

  const Outcome serial = demo::run_serially(numbers);
  print_row("one thread", serial, serial.wall_seconds);

  Outcome threads;
  {
    ThreadPoolExecutor executor({.max_workers = options.workers});
    threads = demo::run_on(executor, "threads", numbers);
  }
  print_row("ThreadPoolExecutor", threads, serial.wall_seconds);

  Outcome processes;
  {
    ProcessPoolExecutor executor({.max_workers = options.workers});
    processes = demo::run_on(executor, "processes", numbers);
  }
  print_row("ProcessPoolExecutor", processes, serial.wall_seconds);

  std::printf("\nthe tutorial, in Python on its author's 4 cores:\n");
  std::printf("%-26s %8.2f s %7.0f %%\n", "ThreadPoolExecutor", 39.2, 101.0);
  std::printf("%-26s %8.2f s %7.0f %%\n", "ProcessPoolExecutor", 27.5, 389.0);

  std::printf("\nonce more, and a worker is killed in the middle:\n");
  ProcessPoolExecutor executor({.max_workers = options.workers});
  const Outcome killed = demo::run_and_kill_a_worker(executor, numbers);
  std::printf("%zu results, %zu failed\n", killed.verdicts.size(), killed.failures.size());
  for (const std::string& failure : killed.failures) std::printf("  failed: %s\n", failure.c_str());

  const bool right = same_verdicts(serial, threads) && same_verdicts(serial, processes) &&
                     killed.verdicts.size() + killed.failures.size() == numbers.size() && killed.failures.size() == 1;
  std::printf("%s\n", right ? "all other results are right" : "SOMETHING IS WRONG with the results above");
  return right ? 0 : 1;
}

template <class Executor>
void print_primes(Executor&& executor, const std::vector<std::int64_t>& numbers) {
  auto number = numbers.begin();
  for (const bool prime : executor.map(demo::is_prime, numbers)) {
    std::printf("%lld is prime: %s\n", static_cast<long long>(*number++), prime ? "True" : "False");
  }
}

int run_on_numbers(const Options& options) {
  std::ifstream file;
  if (options.numbers_from != "-") {
    file.open(options.numbers_from);
    if (!file) {
      std::fprintf(stderr, "plait-demo: cannot read '%s'\n", options.numbers_from.c_str());
      return 2;
    }
  }
  const demo::Input input = demo::read_numbers(options.numbers_from == "-" ? std::cin : file);
  for (const demo::BadLine& bad : input.bad_lines) {
    std::fprintf(stderr, "plait-demo: line %zu: %s: '%s'\n", bad.line, bad.problem.c_str(), bad.text.c_str());
  }
  if (options.use_threads) {
    print_primes(ThreadPoolExecutor({.max_workers = options.workers}), input.numbers);
  } else {
    print_primes(ProcessPoolExecutor({.max_workers = options.workers}), input.numbers);
  }
  return input.bad_lines.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  CLI::App app("Which of these integers are prime? The tutorial's job on plait's pools.", "plait-demo");
  Options options;
  app.add_option("numbers", options.numbers_from,
                 "File of numbers, one a line ('-': standard input). Without it: the tutorial's 65 numbers, by one "
                 "thread, by threads, by processes, and with a worker killed.");
  app.add_option("-w,--workers", options.workers, "Workers of each pool")->capture_default_str();
  app.add_flag("--threads", options.use_threads, "Numbers from a file: use a thread pool instead of processes");
  app.footer("Exit status: 0 all right, 1 a line was not a number or a result is wrong, 2 misuse.");
  try {
    app.parse(argc, argv);
    return options.numbers_from.empty() ? run_tutorial_job(options) : run_on_numbers(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plait-demo: %s\n", error.what());
    return 2;
  }
}
