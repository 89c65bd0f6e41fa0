// SPDX-License-Identifier: Apache-2.0
//
// Parent and child by their ids; the argument "test" becomes the std::string that the target takes.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>
#include <string>

using plait::multiprocessing::Process;
namespace os = plait::os;

void run_proc(const std::string& name) { std::printf("Run child process %s (%d)...\n", name.c_str(), os::getpid()); }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  std::printf("Parent process %d.\n", os::getpid());
  Process p(run_proc, "test");
  std::puts("Process will start.");
  std::fflush(stdout);
  p.start();
  p.join();
  std::puts("Process end.");
}
