// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Process, as a thread; current_process() and active_children().

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/multiprocessing/context.hpp"
#include "plait/threading/thread.hpp"

namespace plait::multiprocessing::dummy {

// A threading::Thread with what a Process has besides, as far as it means something. There is no terminate() nor
// kill(): nothing ends a thread but itself. Its exit code is 0 once it has ended, however it did; an exception goes to
// threading::excepthook. The destructor requests a stop and joins; but an object of a subclass that overrides run() has
// to outlive it, as that of a Thread: join() it.
class PLAIT_EXPORT Process : public threading::Thread {
 public:
  struct Options {
    std::string name = {};                // default: as a thread's
    std::optional<bool> daemon = {};      // default: as the thread that makes it
    std::optional<Context> context = {};  // without meaning
  };

  // For subclasses.
  Process() : Process(Options{}) {}
  explicit Process(Options options) : Thread(thread_options(std::move(options))) {}
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, Options> && !std::derived_from<std::remove_cvref_t<F>, Thread>)
  explicit Process(F&& f, Args&&... args) : Process(Options{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class F, class... Args>
  explicit Process(Options options, F&& f, Args&&... args)
      : Thread(thread_options(std::move(options)), TargetUses::nothing,
               detail::make_thread_call(std::forward<F>(f), std::forward<Args>(args)...)) {}

  // As Thread's.
  void start();
  // nullopt before its end.
  [[nodiscard]] std::optional<int> exitcode() const;
  // That of this process, once it has started.
  [[nodiscard]] std::optional<pid_t> pid() const;

 private:
  static threading::Thread::Options thread_options(Options options) {
    return {.name = std::move(options.name), .daemon = options.daemon};
  }
};

// Subclasses need nothing to be started as threads; in a program for both this is their base.
template <class Derived>
class ShippableProcess : public Process {
 public:
  using Process::Process;
};

// The calling thread.
[[nodiscard]] inline threading::Thread current_process() { return threading::current_thread(); }

// Those that the calling thread has started and that are alive.
[[nodiscard]] PLAIT_EXPORT std::vector<threading::Thread> active_children();

}  // namespace plait::multiprocessing::dummy
