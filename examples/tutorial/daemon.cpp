// SPDX-License-Identifier: Apache-2.0
//
// A daemon thread does not keep the program alive: it is left behind when the others are done.

#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using plait::threading::Thread;

void get_detail_html() {
  std::puts("get detail html started");
  std::this_thread::sleep_for(100ms);
  std::puts("get detail html end");
}

void get_detail_url() {
  std::this_thread::sleep_for(1h);
  std::puts("get detail url end");  // never comes to this
}

int main() {
  Thread thread1(get_detail_html), thread2({.daemon = true}, get_detail_url);
  thread1.start();
  thread2.start();
  std::puts("main is done");  // the end of the program joins thread1 only
}
