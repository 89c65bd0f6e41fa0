// SPDX-License-Identifier: Apache-2.0
//
// A process has an id once it is started.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>

using plait::multiprocessing::Process;

int get_html(int n) {
  std::this_thread::sleep_for(std::chrono::milliseconds(50 * n));
  std::puts("sub_progress success");
  return n;
}

void print(std::optional<pid_t> pid) {
  std::puts(pid ? std::to_string(*pid).c_str() : "None");
  std::fflush(stdout);
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  Process progress(get_html, 2);
  print(progress.pid());
  progress.start();
  print(progress.pid());
  progress.join();
  std::puts("main progress end");
}
