// SPDX-License-Identifier: Apache-2.0
//
// plait-demo: the tutorial's job, trial division of 65 large integers, by one thread, by a thread pool and by a
// process pool; then once more with a worker killed in the middle.

#include <unistd.h>
#include <plait/plait.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "input.hpp"
#include "job.hpp"
#include "primes.hpp"
#include "progress.hpp"

namespace {

using demo::Outcome;
using plait::futures::Executor;
using plait::futures::Future;
using plait::futures::ProcessPoolExecutor;
using plait::futures::ProcessPoolOptions;
using plait::futures::ThreadPoolExecutor;
using plait::futures::ThreadPoolOptions;

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

std::unique_ptr<Executor> make_executor(const Options& options) {
  if (options.use_threads) {
    return std::make_unique<ThreadPoolExecutor>(ThreadPoolOptions{.max_workers = options.workers});
  }
  return std::make_unique<ProcessPoolExecutor>(ProcessPoolOptions{.max_workers = options.workers});
}

// In the order of the lines. Returns how many numbers could not be tested: whatever a worker dies of costs the number
// that it was at, and no other.
std::size_t print_primes(Executor& executor, const std::vector<demo::GoodLine>& lines) {
  std::vector<Future<bool>> answers;
  answers.reserve(lines.size());
  for (const demo::GoodLine& line : lines) answers.push_back(executor.submit(demo::is_prime, line.number));

  std::optional<demo::Progress> progress;
  if (isatty(STDOUT_FILENO) == 0 && isatty(STDERR_FILENO) == 1) progress.emplace("numbers", lines.size());
  std::size_t failed = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto number = static_cast<long long>(lines[i].number);
    if (!answers[i].done()) std::fflush(stdout);
    try {
      const bool prime = answers[i].result();
      std::printf("%lld is prime: %s\n", number, prime ? "True" : "False");
    } catch (const plait::BrokenExecutor& died) {
      std::fprintf(stderr, "plait-demo: line %zu: %lld was not tested: %s\n", lines[i].line, number, died.what());
      ++failed;
    }
    if (progress) progress->advance();
  }
  return failed;
}

int cannot_read(const std::string& name, const std::string& why) {
  std::fprintf(stderr, "plait-demo: cannot read '%s': %s\n", name.c_str(), why.c_str());
  return 2;
}

int run_on_numbers(const Options& options) {
  const std::string& name = options.numbers_from;
  std::ifstream file;
  if (name != "-") {
    file.open(name);
    if (!file) return cannot_read(name, std::generic_category().message(errno));
  }
  const demo::Input input = demo::read_numbers(name == "-" ? std::cin : file);
  for (const demo::BadLine& bad : input.bad_lines) {
    std::fprintf(stderr, "plait-demo: line %zu: %s: '%s'\n", bad.line, bad.problem.c_str(), bad.text.c_str());
  }
  const std::size_t failed = print_primes(*make_executor(options), input.numbers);
  if (!input.read_error.empty()) return cannot_read(name, input.read_error);
  return input.bad_lines.empty() && failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  CLI::App app("Which of these integers are prime? The tutorial's job on plait's pools.", "plait-demo");
  Options options;
  const CLI::Option* const numbers = app.add_option(
      "numbers", options.numbers_from,
      "File of numbers, one a line ('-': standard input). Without it: the tutorial's 65 numbers, by one thread, by "
      "threads, by processes, and with a worker killed.");
  app.add_option("-w,--workers", options.workers, "Workers of each pool")->capture_default_str();
  app.add_flag("--threads", options.use_threads, "Numbers from a file: use a thread pool instead of processes");
  app.footer(
      "Exit status: 0 all right; 1 a line was not a number, a number was not tested or a result is wrong; 2 misuse, or "
      "numbers that cannot be read.");
  try {
    app.parse(argc, argv);
    return numbers->count() == 0 ? run_tutorial_job(options) : run_on_numbers(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plait-demo: %s\n", error.what());
    return 2;
  }
}
