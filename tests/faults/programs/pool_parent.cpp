// SPDX-License-Identifier: Apache-2.0
// Has a multiprocessing.Pool whose two workers are in tasks that never end, while others wait; says "busy" on its
// output, and then ends HOW, without closing it.
//   pool_parent METHOD HOW FOLDER
// HOW: wait (to be killed), return, return_with_leaked_pool, return_with_static_pool, exit, exit_in_other_thread,
// exit_in_a_callback, _exit, abort
#include <unistd.h>
#include <plait/plait.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "scene.hpp"

namespace {

using plait::multiprocessing::Pool;

std::unique_ptr<Pool> static_pool;

}  // namespace

int main(int argc, char** argv) {
  plait::init(argc, argv);
  using namespace plait::faults;
  const std::string method = argv[1], how = argv[2], folder = argv[3];
  auto started = std::make_unique<Fifo>(folder + "/started");
  auto pool = std::make_unique<Pool>(
      plait::multiprocessing::PoolOptions{.processes = 2, .context = plait::multiprocessing::get_context(method)});
  for (int i = 0; i < 2; ++i) (void)pool->apply_async(tell_and_spin, started->path());
  for (int i = 0; i < 2; ++i) started->pid();
  started.reset();
  (void)pool->map_async(square, std::vector(1000, 1));
  std::puts("busy");
  std::fflush(stdout);
  if (how == "return") return 0;  // the pool goes out of scope
  if (how == "return_with_leaked_pool") {
    (void)pool.release();
    return 0;
  }
  if (how == "return_with_static_pool") {
    static_pool = std::move(pool);
    return 0;
  }
  if (how == "exit") std::exit(5);
  if (how == "exit_in_other_thread") std::thread([] { std::exit(5); }).join();
  if (how == "exit_in_a_callback") {
    Pool other(1);
    (void)other.apply_async({.callback = [](int) { std::exit(5); }}, square, 1);
    for (;;) ::pause();
  }
  if (how == "_exit") ::_exit(6);
  if (how == "abort") std::abort();
  for (;;) ::pause();
}
