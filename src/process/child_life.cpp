// SPDX-License-Identifier: Apache-2.0
#include "process/child_life.hpp"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <utility>

#include "os/fork_generation.hpp"
#include "os/lifeline.hpp"
#include "os/output.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"
#include "os/thread.hpp"
#include "process/process.hpp"
#include "shm/heap.hpp"
#include "shm/hold.hpp"
#include "shm/process_table.hpp"

namespace plait::process {
namespace {

constinit bool is_child = false;
constinit Origin this_origin;

// Nothing went wrong: so others may finish what this process has begun. Not of a copy that it has forked.
void end_well() noexcept {
  const bool has_begun = this_origin.owner != 0 && this_origin.generation == os::fork_generation();
  if (has_begun) shm::hand_over_objects(this_origin.owner);
}

// exit() in a child ends the child. What the program had registered before (atexit, destructors of static objects,
// which may join threads that are not here) belongs to the program, so this runs before it, and nothing after.
void leave(int code, void*) noexcept {
  os::flush_output();
  if (code == 0) end_well();
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

namespace {

// Binds this process's life to the host's. Returns what it holds on to.
os::FileDescriptor be_born(os::FileDescriptor lifeline) {
  is_child = true;
  return os::hold_on_to(lifeline.get());
}

// With all that it needs. Returns when the entry has, and what it has printed is written.
void run(const Orders& orders, int lifeline) {
  this_origin = {orders.host, lifeline, orders.owner, os::fork_generation()};
  shm::Heap::get().enter_child(orders.owner);
  if (!shm::begin_process(orders.owner)) os::exit_now(0);
  shm::accept_holds(orders.owner);
  os::unblock_all_signals();
  orders.run(orders.argument);
  os::flush_output();
  end_well();
}

// Runs `life` and leaves, whatever way that ends.
template <class Life>
[[noreturn]] void live_and_leave(Life life) noexcept {
  try {
    on_exit(leave, nullptr);
    life();
    os::exit_now(0);
  } catch (...) {
    os::flush_output();
    // pthread_exit unwinds by what is no C++ exception; the end of this thread is the end of the child.
    if (std::current_exception() == nullptr) os::exit_now(0);
    report_failure("uncaught exception in a child process");
    os::exit_now(1);
  }
}

}  // namespace

void live(Birth birth, std::uint32_t owner) noexcept {
  live_and_leave([&] {
    const os::FileDescriptor held = be_born(std::move(birth.lifeline));
    if (!os::read_byte(birth.permit.get())) os::exit_now(0);
    birth.permit.reset();
    run({birth.run, birth.argument, owner, birth.host}, held.get());
  });
}

void live_when_told(os::FileDescriptor lifeline, os::FileDescriptor orders, const char* name) noexcept {
  live_and_leave([&] {
    os::FileDescriptor held;
    try {
      held = be_born(std::move(lifeline));
    } catch (const std::exception&) {  // there are no descriptors: nobody waits for this child yet
      os::exit_now(1);
    }
    os::unblock_all_signals();  // who signals all of us means those who live now, not who is told to live later
    os::flush_output();  // there is nothing to be flushed, but memory to be touched that will be needed in the end
    Orders told;
    if (!os::read_bytes(orders.get(), std::as_writable_bytes(std::span(&told, 1)))) os::exit_now(0);
    orders.reset();
    os::set_thread_name(name);
    run(told, held.get());
  });
}

}  // namespace plait::process
