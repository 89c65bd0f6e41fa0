// SPDX-License-Identifier: Apache-2.0
#include "threading/thread_state.hpp"

#include <cerrno>
#include <climits>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

#include "os/futex.hpp"
#include "os/native_thread.hpp"
#include "os/output.hpp"
#include "os/thread.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/errors.hpp"
#include "threading/thread_end.hpp"
#include "threading/thread_names.hpp"
#include "threading/thread_registry.hpp"
#include "threading/uncaught.hpp"

namespace plait::detail {
namespace {

// Valid to the end of the thread's last destructor; the registry's list, or the end of the program, keeps the object.
constinit thread_local ThreadState* this_thread = nullptr;

// What is left of a finished thread in the kernel and the C library: whoever joins first takes it away, others wait for
// that. If nobody joins, the state's destructor lets it go.
enum KernelPart : std::uint32_t { kernel_part_there, kernel_part_being_joined, kernel_part_gone };

}  // namespace

// ---- construction and destruction --------------------------------------------------------------------------------

ThreadState::ThreadState(threading::Thread::Options options, bool uses_object, std::unique_ptr<ThreadTarget> target)
    : daemon_(options.daemon.value_or(this_thread != nullptr && this_thread->origin_ != Origin::foreign &&
                                      this_thread->daemon())),
      origin_(Origin::plait),
      uses_object_(uses_object),
      kernel_part_(kernel_part_gone),
      name_(std::move(options.name)),
      target_(std::move(target)) {
  if (!name_.empty()) return;
  if (target_ != nullptr) target_code_ = target_->code();
  ThreadRegistry& registry = ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  name_ = registry.new_name("Thread-");
}

ThreadState::ThreadState(Origin origin, std::string name, bool daemon)
    : phase_(Phase::running),
      daemon_(daemon),
      origin_(origin),
      uses_object_(false),
      kernel_part_(kernel_part_gone),
      name_(std::move(name)) {}

ThreadState::~ThreadState() {
  if (kernel_part_.load(std::memory_order_relaxed) == kernel_part_there && !is_inherited()) os::detach_thread(handle_);
}

ThreadState* ThreadState::current() noexcept { return this_thread; }

threading::Thread ThreadState::handle_of(Ref<ThreadState> state) noexcept {
  return threading::Thread(std::move(state));
}

ThreadState& ThreadState::of_this_thread() {
  if (this_thread != nullptr) return *this_thread;
  ThreadRegistry& registry = ThreadRegistry::get();
  watch_thread_end();
  if (os::is_main_thread()) {
    join_threads_when_main_ends();
    const std::scoped_lock lock(registry.mutex);
    this_thread = registry.main.get();
    this_thread->mark_running();
    return *this_thread;
  }
  const std::scoped_lock lock(registry.mutex);
  return register_this_thread(
      Ref<ThreadState>::adopt(new ThreadState(Origin::foreign, registry.new_name("Dummy-"), true)));
}

void ThreadState::name_this_thread(std::string name) {
  os::set_thread_name(os::short_thread_name(name).c_str());
  auto state = Ref<ThreadState>::adopt(new ThreadState(Origin::foreign, std::move(name), true));
  watch_thread_end();
  const std::scoped_lock lock(ThreadRegistry::get().mutex);
  register_this_thread(std::move(state));
}

// Under the registry's mutex.
ThreadState& ThreadState::register_this_thread(Ref<ThreadState> state) noexcept {
  ThreadRegistry::get().add(*state);
  this_thread = state.get();
  this_thread->mark_running();
  return *this_thread;
}

// Under the registry's mutex.
void ThreadState::mark_running() noexcept {
  handle_ = pthread_self();
  ident_.store(threading::get_ident(), std::memory_order_relaxed);
  native_id_.store(os::native_thread_id(), std::memory_order_relaxed);
  generation_.store(ThreadRegistry::get().forks.load(std::memory_order_relaxed), std::memory_order_relaxed);
  // release: pairs with phase(), for all that was written before
  if (phase_.load(std::memory_order_relaxed) == Phase::starting)
    phase_.store(Phase::running, std::memory_order_release);
}

// In a forked child, which this thread has begun.
void ThreadState::become_main() noexcept {
  if (origin_ == Origin::foreign) {
    name_ = "MainThread";
    daemon_.store(false, std::memory_order_relaxed);
  }
  origin_ = Origin::program;
  kernel_part_.store(kernel_part_gone, std::memory_order_relaxed);
  mark_running();
}

bool ThreadState::is_inherited() const noexcept {
  return generation_.load(std::memory_order_relaxed) != ThreadRegistry::get().forks.load(std::memory_order_relaxed);
}

// ---- the thread itself -------------------------------------------------------------------------------------------

void ThreadState::start(threading::Thread& object, bool uses_object) {
  const Ref<ThreadState> self(this);  // the thread may destroy its own handle and end before it is waited for
  join_threads_at_exit();
  if (const char* const refusal = enlist(object, uses_object)) throw RuntimeError(refusal + name());
  try {
    static_cast<void>(os::start_thread(&entry, this, threading::stack_size()));
  } catch (const std::system_error& error) {
    call_off_start();
    const bool is_small = error.code().value() == EINVAL;
    throw RuntimeError("can't start a new thread (" + name() + "): " + error.what() +
                       (is_small ? "; raise threading::stack_size(), thread_locals are part of a stack"
                                 : "; end others first, lower threading::stack_size(), or raise ulimit -u or -v"));
  } catch (...) {
    call_off_start();
    throw;
  }
  started_.wait();
}

// Null, or why it cannot be started.
const char* ThreadState::enlist(threading::Thread& object, bool uses_object) noexcept {
  ThreadRegistry& registry = ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  if (phase() != Phase::unstarted) return "threads can only be started once, make a new Thread: ";
  if (registry.exit == ThreadRegistry::Exit::over) return "can't start a new thread while the program ends: ";
  done_.clear();  // it is set if the system refused it before
  generation_.store(registry.forks.load(std::memory_order_relaxed), std::memory_order_relaxed);
  kernel_part_.store(kernel_part_there, std::memory_order_relaxed);  // the thread's creation publishes it
  phase_.store(Phase::starting, std::memory_order_release);          // pairs with phase(), for generation_
  keeper_ = object.weak_from_this().lock();
  if (uses_object) object_ = &object;
  registry.add(*this);
  return nullptr;
}

// There is no thread: all is as before enlist(), but that done_ stays set for the end of the program, if that waits.
void ThreadState::call_off_start() noexcept {
  ThreadRegistry& registry = ThreadRegistry::get();
  std::shared_ptr<threading::Thread> keeper;  // dropped without the lock, and not the last: the caller has one
  Ref<ThreadState> listed;
  const std::scoped_lock lock(registry.mutex);
  kernel_part_.store(kernel_part_gone, std::memory_order_relaxed);
  phase_.store(Phase::unstarted, std::memory_order_release);
  keeper = std::move(keeper_);
  object_ = nullptr;
  listed = registry.remove(*this);
  done_.set();  // under the lock: the next start() clears it
}

void* ThreadState::entry(void* state) {
  auto& self = *static_cast<ThreadState*>(state);
  self.begin();
  struct EndOfRun {
    ThreadState& state;
    ~EndOfRun() { state.end_of_run(); }
  };
  const EndOfRun end{self};
  std::exception_ptr error;
  try {
    wire::call_traced([&self] { self.call(); });
  } catch (...) {
    if (threading::is_forced_unwind()) throw;
    error = std::current_exception();
  }
  if (error != nullptr) threading::report_uncaught(self, error);  // not in the handler, where pthread_exit is fatal
  return nullptr;
}

void ThreadState::begin() noexcept {
  this_thread = this;
  watch_thread_end();
  {
    const std::scoped_lock lock(ThreadRegistry::get().mutex);
    mark_running();
    os::set_thread_name(os::short_thread_name(name_).c_str());
  }
  started_.set();
}

void ThreadState::call() {
  if (object_ != nullptr) {
    object_->run();
  } else {
    run_target();
  }
}

void ThreadState::run_target() {
  std::unique_ptr<ThreadTarget> target;
  {
    const std::scoped_lock lock(ThreadRegistry::get().mutex);
    target = std::move(target_);
  }
  if (target != nullptr) target->run(stop_.get_token());
}

// From here on the object is its owner's business alone.
void ThreadState::end_of_run() noexcept {
  std::shared_ptr<threading::Thread> keeper;
  const std::scoped_lock lock(ThreadRegistry::get().mutex);
  object_ = nullptr;
  keeper = std::move(keeper_);
}

void watch_thread_end() {
  os::watch_thread_end([] {
    destroy_local_values();
    ThreadState::at_end_of_thread();
  });
}

void ThreadState::at_end_of_thread() noexcept {
  ThreadState* const state = std::exchange(this_thread, nullptr);
  if (state == nullptr || state->phase() == Phase::finished) return;
  ThreadRegistry& registry = ThreadRegistry::get();
  Ref<ThreadState> self;  // perhaps the last, hence dropped at the very end
  {
    const std::scoped_lock lock(registry.mutex);
    // release: pairs with phase(); who sees it sees all that the thread did
    state->phase_.store(Phase::finished, std::memory_order_release);
    self = registry.remove(*state);
  }
  state->done_.set();
}

// ---- others about it ---------------------------------------------------------------------------------------------

void ThreadState::join(const Until& until) {
  const Ref<ThreadState> self(this);  // as in start()
  const Phase seen = phase();
  if (seen == Phase::unstarted || seen == Phase::starting) {
    throw RuntimeError("cannot join a thread before it is started: " + name());
  }
  if (this == this_thread) throw RuntimeError("cannot join the current thread: " + name());
  if (origin_ == Origin::foreign) throw RuntimeError("cannot join a thread that no Thread has started: " + name());
  if (phase() != Phase::finished) done_.wait(until);
  if (phase() == Phase::finished) reap();
}

void ThreadState::wait_for_end() {
  if (phase() != Phase::finished) done_.wait();
  if (phase() == Phase::finished) reap();  // else the system refused it
}

// Of a finished thread, which is gone but for its last instructions.
void ThreadState::reap() noexcept {
  if (is_inherited()) return;
  std::uint32_t part = kernel_part_there;
  if (kernel_part_.compare_exchange_strong(part, kernel_part_being_joined, std::memory_order_acquire)) {
    os::join_thread(handle_);
    kernel_part_.store(kernel_part_gone, std::memory_order_release);
    os::futex_wake(kernel_part_, INT_MAX, os::Scope::private_);
  }
  // acquire: pairs with the release above
  while (kernel_part_.load(std::memory_order_acquire) == kernel_part_being_joined) {
    os::futex_wait(kernel_part_, kernel_part_being_joined, std::nullopt, os::Scope::private_);
  }
}

void ThreadState::let_go(const threading::Thread& object) noexcept {
  check_free_of(object);
  if (phase() == Phase::unstarted || daemon() || this == this_thread || is_inherited()) return;
  stop_.request_stop();
  wait_for_end();
}

void ThreadState::check_free_of(const threading::Thread& object) noexcept {
  std::string name;
  {
    const std::scoped_lock lock(ThreadRegistry::get().mutex);
    if (object_ != &object || phase() == Phase::finished) return;
    name = name_;
  }
  // Without the lock, for what the terminate handler does.
  os::write_text(2, "plait: the Thread object of " + name +
                        " is destroyed or moved from while its run() runs; join() it before it goes out of scope, or "
                        "hold it by std::shared_ptr\n");
  std::terminate();
}

bool ThreadState::request_stop() noexcept { return !is_the_parents() && stop_.request_stop(); }

std::stop_token ThreadState::get_stop_token() const noexcept {
  return is_the_parents() ? std::stop_token() : stop_.get_token();
}

void ThreadState::count_as_finished() noexcept {
  {
    const std::scoped_lock lock(ThreadRegistry::get().mutex);
    if (phase() == Phase::finished) return;
    kernel_part_.store(kernel_part_gone, std::memory_order_relaxed);
    phase_.store(Phase::finished, std::memory_order_release);
    static_cast<void>(ThreadRegistry::get().remove(*this).detach());  // it is this thread's from here on
  }
  done_.set();
}

std::string ThreadState::name() {
  std::mutex& mutex = ThreadRegistry::get().mutex;
  const void* code;
  {
    const std::scoped_lock lock(mutex);
    code = target_code_;
    if (code == nullptr) return name_;
  }
  const std::string function = threading::short_function_name(code);  // may read files
  const std::scoped_lock lock(mutex);
  if (std::exchange(target_code_, nullptr) != nullptr && !function.empty()) name_ += " (" + function + ")";
  return name_;
}

void ThreadState::set_name(std::string name) {
  const std::scoped_lock lock(ThreadRegistry::get().mutex);
  name_ = std::move(name);
  target_code_ = nullptr;
  if (phase() == Phase::running && ident_.load(std::memory_order_relaxed) != 0) os::set_thread_name(handle_, name_);
}

void ThreadState::set_daemon(bool daemon) {
  {
    const std::scoped_lock lock(ThreadRegistry::get().mutex);
    if (phase() == Phase::unstarted) return daemon_.store(daemon, std::memory_order_relaxed);
  }
  throw RuntimeError("cannot make a thread that was started a daemon or not a daemon any more: " + name());
}

std::optional<std::uint64_t> ThreadState::ident() const noexcept {
  const std::uint64_t ident = ident_.load(std::memory_order_relaxed);
  return ident != 0 ? std::optional(ident) : std::nullopt;
}

std::optional<pid_t> ThreadState::native_id() const noexcept {
  const pid_t id = native_id_.load(std::memory_order_relaxed);
  return id != 0 ? std::optional(id) : std::nullopt;
}

}  // namespace plait::detail
