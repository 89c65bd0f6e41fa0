// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/thread.hpp"

#include <mutex>
#include <typeinfo>
#include <utility>

#include "os/native_thread.hpp"
#include "threading/thread_registry.hpp"
#include "threading/thread_state.hpp"

namespace plait::threading {

using detail::Ref;
using detail::ThreadRegistry;
using detail::ThreadState;

// ---- Thread ------------------------------------------------------------------------------------------------------

Thread::Thread() : Thread(Options{}) {}

Thread::Thread(Options options)
    : Thread(std::move(options), TargetUses::thread_object, std::unique_ptr<detail::ThreadTarget>()) {}

Thread::Thread(Options options, TargetUses uses, std::unique_ptr<detail::ThreadTarget> target)
    : state_(Ref<ThreadState>::adopt(
          new ThreadState(std::move(options), uses == TargetUses::thread_object, std::move(target)))),
      owns_(true) {}

Thread::Thread(Ref<ThreadState> state) noexcept : state_(std::move(state)) {}

Thread::Thread(Thread&& other) noexcept : state_(other.give_away()), owns_(std::exchange(other.owns_, false)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  state_ = other.give_away();
  owns_ = std::exchange(other.owns_, false);
  return *this;
}

Thread::~Thread() { let_go(); }

void Thread::let_go() noexcept {
  if (owns_) state_->let_go(*this);
}

Ref<ThreadState> Thread::give_away() noexcept {
  if (owns_) {
    state_->check_free_of(*this);
    if (typeid(*this) != typeid(Thread)) state_->note_subclass();
  }
  return std::move(state_);
}

ThreadState& Thread::state() const {
  if (!state_) throw RuntimeError("this Thread was moved from, there is no thread");
  return *state_;
}

void Thread::start() {
  ThreadState& thread = state();
  const bool is_plain = typeid(*this) == typeid(Thread);
  if (is_plain && thread.uses_object() && thread.is_of_subclass()) {
    throw RuntimeError("can't start " + name() +
                       ", which was moved from an object of a subclass to a plain Thread, without its run(); hold "
                       "objects of subclasses by std::unique_ptr or std::shared_ptr");
  }
  // A plain Thread's target has all it needs: the object is not used any more.
  thread.start(*this, thread.uses_object() && !is_plain);
}

void Thread::run() { state().run_target(); }

void Thread::join(const Until& until) { state().join(until); }

bool Thread::request_stop() { return state().request_stop(); }

std::stop_token Thread::get_stop_token() const { return state().get_stop_token(); }

bool Thread::is_alive() const { return state().is_alive(); }

std::string Thread::name() const { return state().name(); }

void Thread::set_name(std::string name) { state().set_name(std::move(name)); }

bool Thread::daemon() const { return state().daemon(); }

void Thread::set_daemon(bool daemon) { state().set_daemon(daemon); }

std::optional<std::uint64_t> Thread::ident() const { return state().ident(); }

std::optional<pid_t> Thread::native_id() const { return state().native_id(); }

// ---- functions ---------------------------------------------------------------------------------------------------

Thread current_thread() { return ThreadState::handle_of(Ref<ThreadState>(&ThreadState::of_this_thread())); }

Thread main_thread() {
  ThreadRegistry& registry = ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  return ThreadState::handle_of(registry.main);
}

std::vector<Thread> enumerate() {
  ThreadRegistry& registry = ThreadRegistry::get();
  std::vector<Thread> threads;
  const std::scoped_lock lock(registry.mutex);
  for (ThreadState* state = registry.first; state != nullptr; state = state->next()) {
    if (state->is_alive()) threads.push_back(ThreadState::handle_of(Ref<ThreadState>(state)));
  }
  return threads;
}

std::size_t active_count() { return enumerate().size(); }

std::uint64_t get_ident() noexcept { return static_cast<std::uint64_t>(pthread_self()); }

pid_t get_native_id() noexcept { return os::native_thread_id(); }

std::size_t stack_size() noexcept { return ThreadRegistry::get().stack_size.load(std::memory_order_relaxed); }

std::size_t stack_size(std::size_t size) {
  constexpr std::size_t least = std::size_t{32} << 10;
  if (size != 0 && (size < least || size > PTRDIFF_MAX)) {
    throw ValueError("the size of a stack must be 0 or at least 32768 bytes, not " + std::to_string(size));
  }
  return ThreadRegistry::get().stack_size.exchange(size, std::memory_order_relaxed);
}

}  // namespace plait::threading
