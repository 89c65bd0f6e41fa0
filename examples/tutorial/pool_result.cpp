// SPDX-License-Identifier: Apache-2.0
//
// What apply_async gives has the result, once it is there.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
namespace mp = plait::multiprocessing;

int get_html(int n) {
  std::this_thread::sleep_for(n * 10ms);  // the tutorial sleeps n seconds
  std::puts("sub_progress success");
  return n;
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  mp::Pool pool(mp::cpu_count());
  auto result = pool.apply_async(get_html, 3);
  // close() comes before join().
  pool.close();
  pool.join();
  std::printf("%d\n", result.get());
}
