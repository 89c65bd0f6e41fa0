// SPDX-License-Identifier: Apache-2.0
// Makes named shared memory, and is killed at a step of it. Built with a plait that has kill points.
//   memory_sweep WHO STEP NAME FOLDER
// WHO: server (this program, which has a fork server), alone (this program without one, beside a thread), child (a
// child by fork; then this program makes one more, and is killed). The memory is NAME-0, NAME-1, …; how many there are
// is counted in FOLDER/made. Standard error goes to FOLDER/errors. Exit code 3: it came to the end before that step.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <atomic>
#include <string>
#include <thread>

#include "os/kill_point.hpp"
#include "scene.hpp"

namespace {

using plait::multiprocessing::Process;
using plait::multiprocessing::shared_memory::SharedMemory;

// More than a page of the list of names has room for.
constexpr int count = 40;

constinit std::atomic<long> steps_left = -1;
void count_step(const char*) noexcept {
  if (steps_left >= 0 && steps_left-- == 0) ::kill(::getpid(), SIGKILL);
}

void make(const std::string& name, int from, int to, const std::string& counter) {
  const plait::faults::Shared<std::atomic<int>> made(counter);
  for (int i = from; i < to; ++i) {
    static_cast<void>(SharedMemory({.name = name + "-" + std::to_string(i), .create = true, .size = 100}));
    ++*made;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string who = argv[1], name = argv[3], folder = argv[4], counter = folder + "/made";
  const long step = std::stol(argv[2]);
  ::dup2(::open((folder + "/errors").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666), STDERR_FILENO);
  plait::os::kill_point_hook = &count_step;
  if (who == "alone") {
    std::thread([] { ::pause(); }).detach();
  } else {
    plait::init(argc, argv);
  }
  if (who != "child") {
    steps_left = step;
    make(name, 0, count, counter);
    steps_left = -1;
    ::_exit(3);
  }
  Process child = Process::forked([&] {
    steps_left = step;
    make(name, 0, count, counter);
    steps_left = -1;
  });
  child.start();
  child.join();
  make(name, count, count + 1, counter);
  if (child.exitcode() == 0) ::_exit(3);
  ::kill(::getpid(), SIGKILL);
}
