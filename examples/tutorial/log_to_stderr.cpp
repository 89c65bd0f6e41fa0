// SPDX-License-Identifier: Apache-2.0
//
// The log shows starts and ends of processes, and what the program adds, in every process.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <string>

namespace mp = plait::multiprocessing;

void work(int n) { mp::get_logger().info("doing " + std::to_string(n)); }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::log_to_stderr(mp::INFO);
  mp::Process process(work, 3);
  process.start();
  process.join();
}
