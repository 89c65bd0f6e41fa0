// SPDX-License-Identifier: Apache-2.0
//
// The same by a queue: put() waits while it is full, get() while it is empty, join() until all that was put is done.

#include <plait/queue.hpp>
#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using plait::threading::Thread;
using Urls = plait::queue::Queue<std::string>;

void get_detail_html(Urls& queue) {
  for (const std::string& url : queue) {  // get() after get(), until the queue is shut down
    std::printf("get detail html %s\n", url.c_str());
    std::this_thread::sleep_for(2ms);
    queue.task_done();
  }
}

void get_detail_url(Urls& queue) {
  std::puts("get detail url started");
  for (int i = 0; i < 20; ++i) queue.put("http://projectsedu.com/" + std::to_string(i));
  std::puts("get detail url end");
}

int main() {
  Urls detail_url_queue(1000);
  Thread thread_detail_url(get_detail_url, detail_url_queue);
  std::vector<Thread> html_threads;
  html_threads.reserve(10);
  for (int i = 0; i < 10; ++i) html_threads.emplace_back(get_detail_html, detail_url_queue);
  for (Thread& thread : html_threads) thread.start();
  thread_detail_url.start();
  thread_detail_url.join();
  detail_url_queue.join();
  detail_url_queue.shutdown();
  std::puts("all are done");
}
