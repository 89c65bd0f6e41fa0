// SPDX-License-Identifier: Apache-2.0
// Has a pool, says on its output when that is in the state asked for, and waits to be killed.
//   parent METHOD starting|idle|busy FOLDER
#include <unistd.h>
#include <plait/plait.hpp>

#include <cstdio>
#include <string>

#include "scene.hpp"

namespace {

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  using namespace plait::faults;
  const std::string method = argv[1], state = argv[2], folder = argv[3];
  Fifo started(folder + "/started");
  plait::futures::ProcessPoolExecutor pool(
      {.max_workers = 2, .mp_context = plait::multiprocessing::get_context(method)});
  if (state == "starting") say("starting");
  if (state == "idle") {
    pool.submit(square, 1).result();
    say("idle");
  } else {
    for (int i = 0; i < 2; ++i) (void)pool.submit(tell_and_spin, started.path());
    for (int i = 0; i < 2; ++i) started.pid();
    say("busy");
  }
  for (;;) ::pause();
}
