// SPDX-License-Identifier: Apache-2.0
// Starts of processes that fail with descriptors among their arguments, beside forks, which wait for the same locks.
// Without plait::init, so that spawn has no process to give. Ends with 0, or hangs.
#include <sys/wait.h>
#include <unistd.h>

#include <stop_token>
#include <thread>

#include "plait/multiprocessing.hpp"

namespace {

namespace mp = plait::multiprocessing;

void never(const mp::Connection<int>&) {}

int failed_starts = 0;

void fail_to_start(const std::stop_token& stop) {
  const auto [reader, writer] = mp::Pipe<int>();
  while (!stop.stop_requested()) {
    try {
      mp::Process({.context = mp::get_context("spawn")}, never, reader).start();
    } catch (const plait::RuntimeError&) {
      ++failed_starts;
    }
  }
}

}  // namespace

int main() {
  const mp::Queue<mp::Connection<int>> queue;
  queue.put(mp::Pipe<int>().first);  // it waits with the thread that hands descriptors out
  std::jthread failing(fail_to_start);
  for (int i = 0; i < 1000; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
  }
  failing.request_stop();
  failing.join();
  return failed_starts > 0 ? 0 : 1;
}
