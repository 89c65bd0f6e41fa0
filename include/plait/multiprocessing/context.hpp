// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// How processes are started: the start methods of Python's `multiprocessing`, and contexts that fix one.
//
//   "forkserver"  (the default) a single-threaded copy of the program, taken early, forks on request. Fast, and safe in
//                 programs with threads.
//   "spawn"       the program is started anew; needs plait::init(argc, argv) as the first line of main. Slow, and
//                 shares nothing but what is sent.
//   "fork"        a copy of the program as it is now. Locks that another thread holds at that moment stay held in the
//                 child: for programs without threads.
//
// Children of "forkserver" and "spawn" have the environment, umask, limits and priority that the program had when it
// called plait::init (else, at its first use of processes), and the standard output and error of then; they run on the
// processors on which the thread runs that starts them, those of a Process in its working directory.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plait/detail/export.hpp"

namespace plait::multiprocessing {

// A start method, to give to what starts processes. A small value; contexts of several methods live side by side.
//
//   auto spawn = get_context("spawn");
//   plait::futures::ProcessPoolExecutor pool({.mp_context = spawn});
//
// Differs from Python: the classes are not its members (`spawn.Process`); they take the context as an option.
class PLAIT_EXPORT Context {
 public:
  // The method of the process, as get_start_method() gives it: asking fixes it.
  Context();

  // "forkserver", "spawn" or "fork".
  [[nodiscard]] const std::string& get_start_method() const noexcept { return method_; }

  friend bool operator==(const Context&, const Context&) = default;

 private:
  friend PLAIT_EXPORT Context get_context(std::optional<std::string_view> method);
  explicit Context(std::string method) noexcept;

  std::string method_;
};

// The context of that method; without one, of the process's (which fixes it). Throws ValueError: no such method.
[[nodiscard]] PLAIT_EXPORT Context get_context(std::optional<std::string_view> method = std::nullopt);

// Fixes the method for this process. Throws RuntimeError: it is fixed already; ValueError: no such method (and nothing
// has changed). Thread-safe, as are the other functions here.
PLAIT_EXPORT void set_start_method(std::string_view method);

struct StartMethodOptions {
  bool force = false;  // even if it is fixed already
};
// std::nullopt with .force clears it: who asks next fixes the default.
PLAIT_EXPORT void set_start_method(StartMethodOptions options, std::optional<std::string_view> method);

// The process's method; asking fixes the default. Children inherit it, but for those of "spawn".
[[nodiscard]] PLAIT_EXPORT std::string get_start_method();

struct GetStartMethodOptions {
  bool allow_none = false;  // do not fix the default: std::nullopt if nothing is fixed
};
[[nodiscard]] PLAIT_EXPORT std::optional<std::string> get_start_method(GetStartMethodOptions options);

// All that there are, the default first.
[[nodiscard]] PLAIT_EXPORT std::vector<std::string> get_all_start_methods();

}  // namespace plait::multiprocessing
