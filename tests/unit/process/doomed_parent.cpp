// SPDX-License-Identifier: Apache-2.0
// A program that starts children and then waits to be killed:  doomed_parent METHOD COUNT
// Prints "ready" when all run. With COUNT 0 it starts them one after another, for ever.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "plait/init.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"

using namespace plait;

namespace {

struct Nobody final : process::ExitListener {
  void on_exit(process::Child&, process::ExitStatus, std::shared_ptr<process::Estate>) noexcept override {}
};

void run_for_ever(std::uint64_t) {
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  init(argc, argv);
  const process::StartMethod method = std::strcmp(argv[1], "spawn") == 0  ? process::StartMethod::spawn
                                      : std::strcmp(argv[1], "fork") == 0 ? process::StartMethod::fork
                                                                          : process::StartMethod::forkserver;
  const int count = std::atoi(argv[2]);
  std::vector<std::shared_ptr<process::Child>> children;
  const auto nobody = std::make_shared<Nobody>();
  std::puts("begins");
  std::fflush(stdout);
  for (int i = 0; count == 0 ? i < 2000 : i < count; ++i) {
    children.push_back(process::start(method, {run_for_ever, 0}, shm::Heap::get().new_owner(), nobody));
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) pause();
}
