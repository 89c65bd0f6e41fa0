// SPDX-License-Identifier: Apache-2.0
//
// A global variable is not shared between processes: Ping and Pong are printed 50 times each, not 50 times in all.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <cstdio>
#include <string>

using plait::multiprocessing::Process;

int counter = 0;

void sub_task(const std::string& string) {
  while (counter < 50) {
    std::fputs(string.c_str(), stdout);
    ++counter;
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  Process ping(sub_task, "Ping"), pong(sub_task, "Pong");
  ping.start();
  pong.start();
}
