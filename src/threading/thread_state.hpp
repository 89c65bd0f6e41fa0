// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What all handles of a thread share. docs/design/threads.md.

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "plait/detail/ref.hpp"
#include "plait/detail/thread_call.hpp"
#include "plait/threading/event.hpp"
#include "plait/threading/thread.hpp"
#include "plait/until.hpp"

namespace plait::detail {

class ThreadState {
 public:
  // Who started it: start(), the system (the main thread), or others. The last two are never joined by the kernel's
  // means.
  enum class Origin : std::uint8_t { plait, program, foreign };
  enum class Phase : std::uint8_t { unstarted, starting, running, finished };

  // Not started.
  ThreadState(threading::Thread::Options options, bool uses_object, std::unique_ptr<ThreadTarget> target);
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;

  // The calling thread's; made and registered if it has none. Throws std::bad_alloc, std::system_error.
  static ThreadState& of_this_thread();
  // For a worker of a pool, which has none yet: makes and registers one of that name, which the system is told, too.
  // Throws as above.
  static void name_this_thread(std::string name);
  // That, or null.
  static ThreadState* current() noexcept;
  static threading::Thread handle_of(Ref<ThreadState> state) noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    // acq_rel: the last owner sees all that the others did before they let go
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // By watch_thread_end().
  static void at_end_of_thread() noexcept;

  // As the members of Thread. `uses_object`: run() is called on the object.
  void start(threading::Thread& object, bool uses_object);
  void join(const Until& until);
  // The owner's handle is destroyed: requests a stop and joins, where that is called for.
  void let_go(const threading::Thread& object) noexcept;
  // The owner's handle is destroyed or moved from. Terminates the program if its run() runs.
  void check_free_of(const threading::Thread& object) noexcept;
  // Calls the target, if it is still there, and destroys it.
  void run_target();

  [[nodiscard]] bool request_stop() noexcept;
  [[nodiscard]] std::stop_token get_stop_token() const noexcept;
  [[nodiscard]] bool uses_object() const noexcept { return uses_object_; }
  // An object of a subclass was its owner.
  void note_subclass() noexcept { is_of_subclass_ = true; }
  [[nodiscard]] bool is_of_subclass() const noexcept { return is_of_subclass_; }
  [[nodiscard]] bool is_alive() const noexcept { return phase() == Phase::running; }
  [[nodiscard]] std::string name();
  void set_name(std::string name);
  [[nodiscard]] bool daemon() const noexcept { return daemon_.load(std::memory_order_relaxed); }
  void set_daemon(bool daemon);
  [[nodiscard]] std::optional<std::uint64_t> ident() const noexcept;
  [[nodiscard]] std::optional<pid_t> native_id() const noexcept;

  // In the registry's list.
  [[nodiscard]] ThreadState* next() const noexcept { return next_; }

  // For the end of the program: waits until it has ended and is gone.
  void wait_for_end();
  // The program ends in the calling thread, and whoever joins it need not wait any longer. It keeps its state.
  void count_as_finished() noexcept;

 private:
  friend struct ThreadRegistry;

  ThreadState(Origin origin, std::string name, bool daemon);
  ~ThreadState();

  static ThreadState& register_this_thread(Ref<ThreadState> state) noexcept;

  const char* enlist(threading::Thread& object, bool uses_object) noexcept;
  void call_off_start() noexcept;
  static void* entry(void* state);
  void begin() noexcept;
  void call();
  void end_of_run() noexcept;
  void mark_running() noexcept;
  void become_main() noexcept;
  void reap() noexcept;
  [[nodiscard]] Phase phase() const noexcept { return phase_.load(std::memory_order_acquire); }
  // It is in the process from which this one was forked; one that is not started is nowhere yet.
  [[nodiscard]] bool is_inherited() const noexcept;
  // Its stop_callbacks are on stacks that are not here.
  [[nodiscard]] bool is_the_parents() const noexcept { return phase() != Phase::unstarted && is_inherited(); }

  std::atomic<std::uint32_t> references_{1};
  std::atomic<Phase> phase_{Phase::unstarted};  // written under the registry's mutex; release: with all before it
  std::atomic<bool> daemon_{false};
  std::atomic<Origin> origin_;
  const bool uses_object_;
  bool is_of_subclass_ = false;  // only its owner uses it
  std::stop_source stop_;
  threading::Event started_;
  threading::Event done_;                     // set after phase finished, and if the system refuses the thread
  std::atomic<std::uint64_t> ident_{0};       // 0: none
  std::atomic<pid_t> native_id_{0};           // 0: none
  std::atomic<std::uint32_t> kernel_part_;    // see reap()
  std::atomic<std::uint64_t> generation_{0};  // in which process it runs or ran, see ThreadRegistry::forks

  // Guarded by the registry's mutex.
  std::string name_;
  const void* target_code_ = nullptr;  // to be looked up and added to the name
  std::unique_ptr<ThreadTarget> target_;
  threading::Thread* object_ = nullptr;        // whose run() runs, or is going to
  std::shared_ptr<threading::Thread> keeper_;  // of the object
  pthread_t handle_{};                         // from phase running on
  ThreadState* next_ = nullptr;
  ThreadState* previous_ = nullptr;
};

}  // namespace plait::detail
