// SPDX-License-Identifier: Apache-2.0
#include "threading/thread_registry.hpp"

#include <utility>

#include "os/native_thread.hpp"

namespace plait::detail {
namespace {

// Before main(): no fork comes between, of which a child would find a static object half made; and the main thread is
// seen to be that.
[[maybe_unused]] const bool made_early = [] {
  ThreadRegistry::get();
  if (os::is_main_thread()) ThreadState::of_this_thread();
  return true;
}();

}  // namespace

ThreadRegistry& ThreadRegistry::get() {
  static ThreadRegistry& registry = *new ThreadRegistry;
  return registry;
}

ThreadRegistry::ThreadRegistry() {
  pthread_atfork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); },
                 [] {
                   get().survive_fork();
                   get().mutex.unlock();
                 });
  make_main();
}

void ThreadRegistry::add(ThreadState& state) noexcept {
  state.retain();
  state.next_ = nullptr;
  state.previous_ = last;
  (last == nullptr ? first : last->next_) = &state;
  last = &state;
}

Ref<ThreadState> ThreadRegistry::remove(ThreadState& state) noexcept {
  (state.previous_ == nullptr ? first : state.previous_->next_) = state.next_;
  (state.next_ == nullptr ? last : state.next_->previous_) = state.previous_;
  return Ref<ThreadState>::adopt(&state);
}

void ThreadRegistry::make_main() {
  main = Ref<ThreadState>::adopt(new ThreadState(ThreadState::Origin::program, "MainThread", false));
  main->generation_.store(forks.load(std::memory_order_relaxed), std::memory_order_relaxed);
  main->native_id_.store(os::process_id(), std::memory_order_relaxed);
  add(*main);
}

// In the child. Threads of the parent count as finished; nobody here can be waiting for them.
void ThreadRegistry::survive_fork() {
  forks.fetch_add(1, std::memory_order_relaxed);
  ThreadState* const survivor = ThreadState::current();
  bool is_listed = false;
  while (first != nullptr) {
    ThreadState* const state = remove(*first).detach();
    if (state == survivor) {
      is_listed = true;
      continue;
    }
    state->phase_.store(ThreadState::Phase::finished, std::memory_order_release);
    state->next_ = std::exchange(lost, state);
  }
  if (exit == Exit::joining && pthread_equal(exiting, pthread_self()) == 0) exit = Exit::not_begun;
  if (survivor == nullptr) {  // plait did not know it
    make_main();
    main->mark_running();
    return;
  }
  survivor->become_main();
  main = Ref<ThreadState>(survivor);
  if (!is_listed) return;  // it ends the program
  add(*survivor);
  survivor->release();  // the list had a reference already
}

}  // namespace plait::detail
