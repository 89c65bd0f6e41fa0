// SPDX-License-Identifier: Apache-2.0
// Ends without closing its pool.
//   leaver METHOD HOW FILE
// Tasks add bytes to FILE, so that the test sees how many were run: 20 if the end waits for them.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <plait/plait.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "scene.hpp"

namespace {

using plait::futures::ProcessPoolExecutor;

void add_byte(std::string file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (::write(fd, ".", 1) != 1) ::_exit(1);
  ::close(fd);
}

std::unique_ptr<ProcessPoolExecutor> static_pool;

std::unique_ptr<ProcessPoolExecutor> make_pool(const std::string& method, const std::string& file) {
  auto pool = std::make_unique<ProcessPoolExecutor>(
      plait::futures::ProcessPoolOptions{.max_workers = 2, .mp_context = plait::multiprocessing::get_context(method)});
  for (int i = 0; i < 20; ++i) (void)pool->submit(add_byte, file);
  return pool;
}

// Both workers are in tasks that never end.
void keep_busy(ProcessPoolExecutor& pool, const std::string& file) {
  plait::faults::Fifo started(file + ".started");
  for (int i = 0; i < 2; ++i) (void)pool.submit(plait::faults::tell_and_spin, started.path());
  for (int i = 0; i < 2; ++i) started.pid();
}

}  // namespace

// Runs at the end of the program after the pools were waited for.
void submit_late() {
  try {
    (void)ProcessPoolExecutor({.max_workers = 1}).submit(add_byte, "/dev/null");
    std::fputs("a task was taken after the end of all pools", stderr);
  } catch (const plait::RuntimeError&) {
  }
}

int main(int argc, char** argv) {
  plait::init(argc, argv);
  if (std::string(argv[2]) == "exit_and_submit_late") std::atexit(submit_late);
  const std::string method = argv[1], how = argv[2], file = argv[3];
  auto pool = make_pool(method, file);
  if (how == "return") return 0;  // the pool goes out of scope
  if (how == "return_with_leaked_pool") {
    pool.release();
    return 0;
  }
  if (how == "return_with_static_pool") {
    static_pool = std::move(pool);
    return 0;
  }
  if (how == "exit") std::exit(5);
  if (how == "exit_in_a_callback") {
    pool->submit(add_byte, file + ".other").add_done_callback([](auto&) { std::exit(5); });
    for (;;) ::pause();
  }
  if (how == "exit_and_submit_late") {
    pool.release();
    std::exit(5);
  }
  if (how == "exit_of_a_forked_child") {
    static_pool = std::move(pool);
    const int child = plait::os::fork();
    if (child == 0) {
      make_pool(method, file + ".child").release();  // NOLINT(bugprone-unused-return-value): left to the end
      std::exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) return 1;
    return std::filesystem::file_size(file + ".child") == 20 ? 5 : 2;
  }
  if (how == "exit_in_other_thread") std::thread([] { std::exit(5); }).join();
  keep_busy(*pool, file);
  if (how == "_exit") ::_exit(6);
  if (how == "quick_exit") std::quick_exit(7);
  if (how == "abort") std::abort();
  throw std::runtime_error("nobody catches this");
}
