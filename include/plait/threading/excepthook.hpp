// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// threading.excepthook: what happens with an exception that leaves run(), Python's threading.excepthook, ExceptHookArgs
// and __excepthook__ (here default_excepthook).

#include <cstddef>
#include <exception>
#include <functional>
#include <string>

#include "plait/detail/export.hpp"
#include "plait/threading/thread.hpp"

namespace plait::threading {

struct ExceptHookArgs {
  std::string exc_type;          // as it is written in the source
  std::exception_ptr exc_value;  // the exception itself
  std::string message;           // its what(), if it has one
  std::string exc_traceback;     // where it was thrown, one frame a line, innermost first; may be empty
  Thread thread;                 // in which run() was left
};

// Writes to stderr, at once, "Exception in thread NAME:", type and message, and where it was thrown. Ignores
// SystemExit.
PLAIT_EXPORT void default_excepthook(const ExceptHookArgs& args);

// There is one, `excepthook`. Assign it any callable, or nullptr for the default, also while threads run: each
// exception is given to the hook of that moment, in the thread that it ends. What a hook throws is reported on stderr.
//
//   plait::threading::excepthook = [](const plait::threading::ExceptHookArgs& args) { log(args.message); };
//
// Differs from Python: keep the present hook by get(), since the object is not a value.
class PLAIT_EXPORT ExceptHook {
 public:
  using Hook = std::function<void(const ExceptHookArgs&)>;

  constexpr ExceptHook() noexcept = default;
  ExceptHook(const ExceptHook&) = delete;
  ExceptHook& operator=(const ExceptHook&) = delete;
  ~ExceptHook() = default;

  // Empty: the default.
  ExceptHook& operator=(Hook hook);
  ExceptHook& operator=(std::nullptr_t) { return *this = Hook(); }
  [[nodiscard]] Hook get() const;
  // Calls it. Throws what it throws.
  void operator()(const ExceptHookArgs& args) const { get()(args); }
};

// Holds nothing itself, so it may be used until the process is gone.
inline ExceptHook excepthook;

}  // namespace plait::threading
