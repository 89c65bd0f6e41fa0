// SPDX-License-Identifier: Apache-2.0
// A program that does not call plait::init: what works all the same, and what the errors say.
#include <unistd.h>

#include <cstdio>
#include <future>
#include <string>
#include <thread>

#include "plait/errors.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"

using namespace plait;

namespace {

struct Ending final : process::ExitListener {
  void on_exit(process::Child&, process::ExitStatus status, std::shared_ptr<process::Estate>) noexcept override {
    told.set_value(status.code);
  }
  std::promise<int> told;
};

void end_with(std::uint64_t code) { _exit(static_cast<int>(code)); }

int code_of(process::StartMethod method, std::uint64_t code) {
  const auto ending = std::make_shared<Ending>();
  process::start(method, {end_with, code}, shm::Heap::get().new_owner(), ending);
  return ending->told.get_future().get();
}

std::string error_of(process::StartMethod method) {
  try {
    code_of(method, 0);
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "no error";
}

int failures = 0;

void expect(bool held, const std::string& what) {
  if (held) return;
  std::fprintf(stderr, "without_init: %s\n", what.c_str());
  ++failures;
}

}  // namespace

int main() {
  using enum process::StartMethod;
  {
    std::promise<void> done;
    std::thread thread([&] { done.get_future().wait(); });
    const std::string error = error_of(forkserver);
    expect(error.find("threads exist already, call plait::init(argc, argv) as the first line of main") != error.npos,
           error);
    done.set_value();
    thread.join();
  }
  expect(code_of(forkserver, 3) == 3, "the fork server is taken at first use when there is one thread");
  const std::string error = error_of(spawn);
  expect(error.find("plait::init(argc, argv) as the first line of main") != error.npos, error);
  expect(code_of(fork, 4) == 4, "fork needs nothing");
  {
    std::promise<void> done;
    std::thread thread([&] { done.get_future().wait(); });
    expect(code_of(forkserver, 5) == 5, "the fork server serves programs with threads");
    done.set_value();
    thread.join();
  }
  return failures;
}
