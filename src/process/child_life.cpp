// SPDX-License-Identifier: Apache-2.0
#include "process/child_life.hpp"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "os/fork_generation.hpp"
#include "os/lifeline.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"
#include "shm/hold.hpp"
#include "shm/process_table.hpp"

namespace plait::process {
namespace {

constinit bool is_child = false;
constinit Origin this_origin;

// exit() in a child ends the child. What the program had registered before (atexit, destructors of static objects,
// which may join threads that are not here) belongs to the program, so this runs before it, and nothing after.
void leave(int code, void*) noexcept {
  os::flush_output();
  os::exit_now(code);
}

}  // namespace

bool in_child() noexcept { return is_child; }

const Origin* origin() noexcept { return is_child ? &this_origin : nullptr; }

void forget_signals() noexcept {
  os::reset_signal_dispositions();
  os::ignore_signal(SIGINT);
}

void report_failure(const char* what_failed) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plait: %s: %s\n", what_failed, error.what());
  } catch (...) {
    std::fprintf(stderr, "plait: %s: an exception that is not a std::exception\n", what_failed);
  }
}

void live(Birth birth, std::uint32_t owner) noexcept {
  is_child = true;
  try {
    const os::FileDescriptor held = os::hold_on_to(birth.lifeline.get());
    this_origin = {birth.host, held.get(), owner, os::fork_generation()};
    birth.lifeline.reset();
    if (!os::read_byte(birth.permit.get())) os::exit_now(0);
    birth.permit.reset();
    shm::Heap::get().enter_child(owner);
    if (!shm::begin_process(owner)) os::exit_now(0);
    shm::accept_holds(owner);
    on_exit(leave, nullptr);
    os::unblock_all_signals();
    birth.run(birth.argument);
    os::flush_output();
    os::exit_now(0);
  } catch (...) {
    os::flush_output();
    // pthread_exit unwinds by what is no C++ exception; the end of this thread is the end of the child.
    if (std::current_exception() == nullptr) os::exit_now(0);
    report_failure("uncaught exception in a child process");
    os::exit_now(1);
  }
}

}  // namespace plait::process
