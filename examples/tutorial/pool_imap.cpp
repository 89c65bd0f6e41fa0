// SPDX-License-Identifier: Apache-2.0
//
// imap gives the results in the order of the input, imap_unordered in the order in which they are ready.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
namespace mp = plait::multiprocessing;

int get_html(int n) {
  std::this_thread::sleep_for(n * 40ms);  // the tutorial sleeps n seconds
  return n;
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Pool pool(3);
  for (int result : pool.imap(get_html, std::vector{1, 5, 3})) std::printf("%d sleep success\n", result);
  std::puts("unordered");
  for (int result : pool.imap_unordered(get_html, std::vector{1, 5, 3})) std::printf("%d sleep success\n", result);
}
