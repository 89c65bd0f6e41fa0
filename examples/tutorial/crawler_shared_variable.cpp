// SPDX-License-Identifier: Apache-2.0
//
// Threads that talk by a shared list under a lock: one finds pages, ten fetch them. At most ten are to be fetched. They
// look again and again, which is what the queue and the condition do better.

#include <plait/threading.hpp>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using plait::threading::RLock;
using plait::threading::Thread;

std::vector<std::string> detail_url_list;
bool all_found = false;

void get_detail_html(RLock& lock) {
  for (;;) {
    std::string url;
    {
      std::scoped_lock held(lock);
      if (!detail_url_list.empty()) {
        url = detail_url_list.back();
        detail_url_list.pop_back();
      } else if (all_found) {
        return;
      }
    }
    if (!url.empty()) std::printf("get detail html %s\n", url.c_str());
    std::this_thread::sleep_for(url.empty() ? 1ms : 2ms);
  }
}

void get_detail_url(RLock& lock) {
  std::puts("get detail url started");
  for (int i = 0; i < 20;) {
    std::scoped_lock held(lock);
    if (detail_url_list.size() < 10) detail_url_list.push_back("http://projectsedu.com/" + std::to_string(i++));
  }
  std::puts("get detail url end");
  std::scoped_lock held(lock);
  all_found = true;
}

int main() {
  RLock lock;
  Thread thread_detail_url(get_detail_url, lock);
  std::vector<Thread> html_threads;
  html_threads.reserve(10);
  for (int i = 0; i < 10; ++i) html_threads.emplace_back(get_detail_html, lock);
  for (Thread& thread : html_threads) thread.start();
  thread_detail_url.start();
}
