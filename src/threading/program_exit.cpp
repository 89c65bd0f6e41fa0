// SPDX-License-Identifier: Apache-2.0
//
// The end of the program: callbacks, then all threads but daemons are joined.
#include <exception>
#include <functional>
#include <mutex>
#include <utility>

#include "os/at_exit.hpp"
#include "os/native_thread.hpp"
#include "plait/errors.hpp"
#include "threading/thread_registry.hpp"
#include "threading/uncaught.hpp"

namespace plait::detail {
namespace {

using Exit = ThreadRegistry::Exit;

// Empty if there is none left.
std::function<void()> take_last_callback(ThreadRegistry& registry) {
  const std::scoped_lock lock(registry.mutex);
  if (registry.at_exit.empty()) return {};
  std::function<void()> callback = std::move(registry.at_exit.back());
  registry.at_exit.pop_back();
  return callback;
}

void run_callbacks(ThreadRegistry& registry) noexcept {
  while (const std::function<void()> callback = take_last_callback(registry)) {
    try {
      callback();
    } catch (...) {
      threading::report_exception("a callback at the end of the program", std::current_exception());
    }
  }
}

// One that is to be waited for; null: none, and from here on none is started.
Ref<ThreadState> next_to_join(ThreadRegistry& registry) noexcept {
  const std::scoped_lock lock(registry.mutex);
  for (ThreadState* state = registry.first; state != nullptr; state = state->next()) {
    if (!state->daemon() && state != registry.main.get()) return Ref<ThreadState>(state);
  }
  registry.exit = Exit::over;
  return nullptr;
}

// Called once or twice, when main() returns and among the handlers of atexit. A thread that ends the program while
// another one does, and waits for it here, takes over: the other is left waiting.
void join_threads() noexcept {
  ThreadRegistry& registry = ThreadRegistry::get();
  const pthread_t self = pthread_self();
  if (os::is_main_thread()) ThreadState::of_this_thread();  // one that plait did not know when it forked this process
  bool begun;
  {
    const std::scoped_lock lock(registry.mutex);
    if (registry.exit == Exit::over) return;
    begun = std::exchange(registry.exit, Exit::joining) == Exit::joining;
    registry.exiting = self;
  }
  if (!begun) run_callbacks(registry);
  if (ThreadState* const state = ThreadState::current()) state->count_as_finished();
  while (const Ref<ThreadState> thread = next_to_join(registry)) {
    thread->wait_for_end();
    bool is_overtaken;
    {
      const std::scoped_lock lock(registry.mutex);
      is_overtaken = pthread_equal(registry.exiting, self) == 0;
    }
    if (is_overtaken) os::sleep_forever();
  }
}

struct MainThreadEnd {
  ~MainThreadEnd() { join_threads(); }
};

}  // namespace

void join_threads_at_exit() {
  ThreadRegistry& registry = ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);  // fork() waits for it: a child has the handler and knows it, or neither
  if (registry.joins_at_exit) return;
  os::at_exit([] { join_threads(); });
  registry.joins_at_exit = true;
}

void join_threads_when_main_ends() {
  static thread_local const MainThreadEnd end;
  static_cast<void>(end);
}

}  // namespace plait::detail

namespace plait::threading {

void register_atexit(std::function<void()> f) {
  detail::ThreadRegistry& registry = detail::ThreadRegistry::get();
  detail::join_threads_at_exit();
  const std::scoped_lock lock(registry.mutex);
  if (registry.exit != detail::ThreadRegistry::Exit::not_begun) {
    throw RuntimeError("can't register a callback for the end of the program when it has begun");
  }
  registry.at_exit.push_back(std::move(f));
}

}  // namespace plait::threading
