// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The threads of this process that plait knows, and what else belongs to the module as a whole.

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plait/detail/ref.hpp"
#include "plait/threading/excepthook.hpp"
#include "threading/thread_state.hpp"

namespace plait::detail {

// One for the process. Never destroyed, since threads that the program leaves behind go on using it. fork() waits for
// the mutex, so a child finds all of it whole; there it has the forking thread alone.
struct ThreadRegistry {
  enum class Exit : std::uint8_t { not_begun, joining, over };

  static ThreadRegistry& get();

  // Under the mutex; the list has a reference to each.
  void add(ThreadState& state) noexcept;
  [[nodiscard]] Ref<ThreadState> remove(ThreadState& state) noexcept;
  [[nodiscard]] std::string new_name(const char* prefix) { return prefix + std::to_string(next_number++); }

  std::mutex mutex;
  // Guarded by it.
  ThreadState* first = nullptr;  // starting and running, the eldest first
  ThreadState* last = nullptr;
  Ref<ThreadState> main;
  std::uint64_t next_number = 1;
  std::shared_ptr<const threading::ExceptHook::Hook> hook;  // null: the default
  std::vector<std::function<void()>> at_exit;
  bool joins_at_exit = false;  // a handler of atexit does
  Exit exit = Exit::not_begun;
  pthread_t exiting{};          // the thread that ends the program, unless exit is not_begun
  ThreadState* lost = nullptr;  // threads of the parent's; kept, since their targets may be in any condition

  // Not guarded.
  std::atomic<std::size_t> stack_size{0};
  std::atomic<std::uint64_t> forks{0};  // between the program's first process and this one

 private:
  ThreadRegistry();
  void make_main();
  void survive_fork();
};

// Called by start() and register_atexit: from here on the end of the program joins threads.
void join_threads_at_exit();
// The calling thread is the main thread, which can join threads before anything is destroyed.
void join_threads_when_main_ends();

}  // namespace plait::detail
