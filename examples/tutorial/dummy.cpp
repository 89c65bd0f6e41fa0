// SPDX-License-Identifier: Apache-2.0
//
// Threads or processes: the one line that differs is the one with the namespace. Built once with each.

#include <plait/init.hpp>
#include <plait/multiprocessing.hpp>
#include <plait/multiprocessing/dummy.hpp>

#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

#ifdef TUTORIAL_WITH_PROCESSES
namespace mp = plait::multiprocessing;
#else
namespace mp = plait::multiprocessing::dummy;
#endif

int process_id_list(int id) {
  std::this_thread::sleep_for(1ms);  // the tutorial asks a database
  return id * id;
}

void greet(const mp::Queue<int>& results, int first) { results.put(process_id_list(first)); }

int main(int argc, char** argv) {
  plait::init(argc, argv);
  const mp::Queue<int> results;
  mp::Process process(greet, results, 4);
  process.start();
  process.join();
  std::printf("%d\n", results.get());

  mp::Pool pool(8);
  int sum = 0;
  for (int square : pool.map(process_id_list, std::vector{1, 2, 3})) sum += square;
  std::printf("%d\n", sum);
  pool.close();
  pool.join();
}
