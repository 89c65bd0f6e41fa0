// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Thread: Python's threading.Thread, and the functions of that module about threads.
//
// A Thread is started after it is made, has a name, may be a daemon, can be subclassed. Like std::jthread it takes any
// callable, can be asked to stop, and is joined by its destructor. docs/design/threads.md tells how it works.

#include <sys/types.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/ref.hpp"
#include "plait/detail/thread_call.hpp"
#include "plait/errors.hpp"
#include "plait/until.hpp"

namespace plait::detail {
class ThreadState;
}

namespace plait::threading {

using ThreadError = RuntimeError;

// A handle of a thread: of one that it owns, if it was made from a target or by a subclass; or just of one that runs,
// if it comes from current_thread(), main_thread() or enumerate(). Equal handles are of the same thread. Moving a
// handle moves the ownership.
//
// Target and arguments are copied or moved into the thread as std::thread does it; std::ref(x) passes a reference, and
// so does an lvalue that can be neither copied nor moved: `Thread(work, lock)`. The target gets them as rvalues, and a
// std::stop_token before them if it can be called so, else after them if it can be called so. They are destroyed when
// run() ends. What the target returns is dropped; what it throws goes to threading::excepthook.
//
// The destructor of the owner of a running thread requests a stop and joins; a daemon is let go, and so is the calling
// thread itself. The end of the program joins every thread that is no daemon, without a request to stop, after most of
// the main thread's thread_locals were destroyed, before static objects are (when the main thread ends the program);
// and then leaves daemons where they are: they run on until the process is gone. A static Thread whose target waits for
// its stop_token needs `register_atexit([&] { thread.request_stop(); })`.
//
// A subclass overrides run(). Its object must outlive run(): if it is destroyed or moved from before, the program is
// terminated with a message, also for a daemon. Moved to a plain Thread it cannot be started any more. Held by
// std::shared_ptr when started, any Thread lives until its run() ends:
//   std::make_shared<Thread>(work, 7)->start();
//
// Everything but moving and destroying is thread-safe. A handle that was moved from throws RuntimeError. After fork()
// the child has only the forking thread, which is its main_thread(); all others are over there. New threads inherit the
// signal mask. Fork handlers (pthread_atfork) must not call this module.
//
//   plait::threading::Thread a(change, 5), b({.name = "b", .daemon = true}, change, 8);
//   a.start();  b.start();
//   a.join();
//
// Differs from Python: there is no group and no context. A thread made in one that is not plait's (std::thread) is no
// daemon. Joining a daemon while the program ends waits for it as at any time.
class PLAIT_EXPORT Thread : public std::enable_shared_from_this<Thread> {
 public:
  struct Options {
    std::string name = {};            // default: Thread-N, or Thread-N (function) if the target is a function
    std::optional<bool> daemon = {};  // default: as the thread that makes it
  };

  // For subclasses; by itself such a thread does nothing.
  Thread();
  explicit Thread(Options options);
  // Not started yet.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Options> && !std::derived_from<std::remove_cvref_t<F>, Thread>)
  explicit Thread(F&& f, Args&&... args) : Thread(Options{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class F, class... Args>
  explicit Thread(Options options, F&& f, Args&&... args)
      : Thread(std::move(options), TargetUses::thread_object,
               detail::make_thread_call(std::forward<F>(f), std::forward<Args>(args)...)) {}
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  virtual ~Thread();

  // Returns when the thread runs. Throws RuntimeError: it was started before; the system has no thread to give, and it
  // may be tried again; the program ends, and the threads it waits for have ended; it was moved from an object of a
  // subclass, whose run() it does not have. Throws std::bad_alloc, and it may be tried again.
  void start();

  // What the thread does: calls the target, if there is one and it was not called before. To be overridden.
  virtual void run();

  // Waits until the thread has ended and its thread_locals are destroyed, or until the time has come or a stop is
  // requested: is_alive() tells. Any number of times, in several threads. Throws RuntimeError: it was not started; it
  // is the calling thread; it is one that plait did not start, the main thread excepted, which ends when the program
  // does.
  void join(const Until& until = {});

  // A request that the target's stop_token shows; what it does about it is its business. In a child made by fork, of a
  // thread of the parent's: false, and a token without a state.
  bool request_stop();
  [[nodiscard]] std::stop_token get_stop_token() const;

  // From the return of start() until its thread_locals are destroyed.
  [[nodiscard]] bool is_alive() const;

  // Names need not differ. The system shows 15 bytes of them; of a default name only Thread-N, since looking up the
  // function takes long, and is done by the first name().
  [[nodiscard]] std::string name() const;
  void set_name(std::string name);

  [[nodiscard]] bool daemon() const;
  // Throws RuntimeError: it was started.
  void set_daemon(bool daemon);

  // get_ident() and get_native_id() of the thread; nullopt before start(), kept after its end.
  [[nodiscard]] std::optional<std::uint64_t> ident() const;
  [[nodiscard]] std::optional<pid_t> native_id() const;

  friend bool operator==(const Thread& a, const Thread& b) noexcept { return a.state_ == b.state_; }

 protected:
  // A subclass that does not override run() and whose target needs nothing of its object says so; then the object may
  // be moved and destroyed like a plain Thread.
  enum class TargetUses : bool { nothing, thread_object };
  Thread(Options options, TargetUses uses, std::unique_ptr<detail::ThreadTarget> target);

 private:
  friend detail::ThreadState;
  explicit Thread(detail::Ref<detail::ThreadState> state) noexcept;  // owns nothing

  detail::ThreadState& state() const;
  void let_go() noexcept;
  detail::Ref<detail::ThreadState> give_away() noexcept;

  detail::Ref<detail::ThreadState> state_;
  bool owns_ = false;
};

// The calling thread; if no Thread started it, a handle of that kind: called Dummy-N, or what its pool of threads calls
// it, a daemon, not to be joined.
[[nodiscard]] PLAIT_EXPORT Thread current_thread();
// The one in which the program began, or which forked this process; called MainThread.
[[nodiscard]] PLAIT_EXPORT Thread main_thread();
// Those that are alive, in the order in which they were started or first seen; of threads that no Thread started, the
// workers of pools and those which called current_thread().
[[nodiscard]] PLAIT_EXPORT std::vector<Thread> enumerate();
[[nodiscard]] PLAIT_EXPORT std::size_t active_count();

// Not zero, and different from that of every thread that is alive: pthread_self().
[[nodiscard]] PLAIT_EXPORT std::uint64_t get_ident() noexcept;
// The kernel's number.
[[nodiscard]] PLAIT_EXPORT pid_t get_native_id() noexcept;

// The size of the stacks of threads started from here on, in bytes; 0: the system's default. The second sets it and
// returns what it was. Throws ValueError, and nothing changes: less than 32 KiB but not 0.
[[nodiscard]] PLAIT_EXPORT std::size_t stack_size() noexcept;
PLAIT_EXPORT std::size_t stack_size(std::size_t size);

// Calls f when the program ends, before its threads are joined; the last registered first. What it throws is reported
// on stderr. Most of the main thread's thread_locals are gone by then, static objects are not. Throws RuntimeError: the
// program ends already; std::bad_alloc. Python's threading._register_atexit.
PLAIT_EXPORT void register_atexit(std::function<void()> f);

}  // namespace plait::threading
