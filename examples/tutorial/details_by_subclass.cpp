// SPDX-License-Identifier: Apache-2.0
//
// The same by subclasses, each with a name of its own.

#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using plait::threading::Thread;

struct GetDetailHtml : Thread {
  explicit GetDetailHtml(const char* name) : Thread({.name = name}) {}
  void run() override {
    std::puts("get detail html started");
    std::this_thread::sleep_for(200ms);
    std::puts("get detail html end");
  }
};

struct GetDetailUrl : Thread {
  explicit GetDetailUrl(const char* name) : Thread({.name = name}) {}
  void run() override {
    std::puts("get detail url started");
    std::this_thread::sleep_for(400ms);
    std::puts("get detail url end");
  }
};

int main() {
  GetDetailHtml thread1("get_detail_html");
  GetDetailUrl thread2("get_detail_url");
  const auto start_time = std::chrono::steady_clock::now();
  thread1.start();
  thread2.start();
  thread1.join();
  thread2.join();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start_time;
  std::printf("last time: %.1f\n", time.count());
}
