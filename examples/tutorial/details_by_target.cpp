// SPDX-License-Identifier: Apache-2.0
//
// join: the main thread waits for both, which takes as long as the longer one, not as both together.

#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using plait::threading::Thread;

void get_detail_html(const std::string&) {
  std::puts("get detail html started");
  std::this_thread::sleep_for(200ms);
  std::puts("get detail html end");
}

void get_detail_url(const std::string&) {
  std::puts("get detail url started");
  std::this_thread::sleep_for(400ms);
  std::puts("get detail url end");
}

int main() {
  Thread thread1(get_detail_html, ""), thread2(get_detail_url, "");
  const auto start_time = std::chrono::steady_clock::now();
  thread1.start();
  thread2.start();
  thread1.join();
  thread2.join();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_time;
  std::printf("last time: %.1f\n", time.count());
}
