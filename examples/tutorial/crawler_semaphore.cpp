// SPDX-License-Identifier: Apache-2.0
//
// A Semaphore lets three threads in at a time.

#include <plait/threading.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using plait::threading::Semaphore;
using plait::threading::Thread;

std::atomic<int> inside{0}, most{0};

struct HtmlSpider : Thread {
  HtmlSpider(const std::string& u, Semaphore& s) : url(u), sem(s) {}
  void run() override {
    most = std::max(most.load(), ++inside);
    std::this_thread::sleep_for(20ms);
    std::puts("got html text success");
    --inside;
    sem.release();
  }
  std::string url;
  Semaphore& sem;
};

struct UrlProducer : Thread {
  explicit UrlProducer(Semaphore& s) : sem(s) {}
  void run() override {
    for (int i = 0; i < 20; ++i) {
      sem.acquire();
      std::make_shared<HtmlSpider>("https://baidu.com/" + std::to_string(i), sem)->start();
    }
  }
  Semaphore& sem;
};

Semaphore sem(3);

int main() {
  UrlProducer url_producer(sem);
  url_producer.start();
  url_producer.join();
  for (int i = 0; i < 3; ++i) sem.acquire();  // all have left
  std::printf("at most %d at a time\n", most.load());
}
