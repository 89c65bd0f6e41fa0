// SPDX-License-Identifier: Apache-2.0
// Leads a process group that gets Ctrl-C.
//   interrupted METHOD idle|busy|submitting default|handled FOLDER
// Says on its output when it is in the state asked for. `handled`: counts SIGINT until FOLDER/enough exists, then
// checks that the pool is as good as ever, shuts it down, and says how many there were.
#include <signal.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "scene.hpp"

namespace {

using namespace plait::faults;
using plait::futures::Future;
using plait::futures::ProcessPoolExecutor;

std::atomic<int> interrupts{0};

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void wait_while(const std::string& missing) {
  for (int seen = 0; !std::filesystem::exists(missing);) {
    if (interrupts != seen) say("interrupt " + std::to_string(++seen));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const std::string method = argv[1], state = argv[2], folder = argv[4];
  if (argv[3] == std::string("handled")) {
    struct sigaction action {};
    action.sa_handler = [](int) { ++interrupts; };
    ::sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: system calls are interrupted
  }
  const std::string enough = folder + "/enough";
  Fifo started(folder + "/started");
  ProcessPoolExecutor pool({.max_workers = 3, .mp_context = plait::multiprocessing::get_context(method)});

  std::vector<Future<pid_t>> busy;
  std::vector<Future<int>> squares;
  if (state == "busy") {
    for (int i = 0; i < 2; ++i) busy.push_back(pool.submit(tell_and_wait_for, started.path(), enough));
    for (int i = 0; i < 2; ++i) started.pid();
  } else {
    pool.submit(square, 1).result();
  }
  say(state);
  if (state == "submitting") {
    int said = 0;
    while (!std::filesystem::exists(enough)) {
      for (int i = 0; i < 100; ++i) squares.push_back(pool.submit(square, i % 100));
      if (interrupts != said) say("interrupt " + std::to_string(++said));
    }
  } else {
    wait_while(enough);
  }

  bool right = true;
  for (const auto& future : busy) right &= future.result() > 0;
  for (std::size_t i = 0; i < squares.size(); ++i) {
    const int x = static_cast<int>(i % 100);
    right &= squares[i].result() == x * x;
  }
  right &= pool.submit(square, 12).result() == 144;
  pool.shutdown();
  say("interrupts: " + std::to_string(interrupts) + (right ? ", all right" : ", wrong results"));
  return right ? 0 : 1;
}
