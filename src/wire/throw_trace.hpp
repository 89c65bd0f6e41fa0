// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The stack at the place where an exception was thrown, which is gone when a handler runs.
//
// Before it unwinds anything, the C++ runtime searches the stack for a handler: it asks the type_info of every catch
// clause whether it takes the exception. call_traced has a clause for ThrowProbe, whose type_info (throw_trace.cpp)
// looks at the stack and says no. Nothing is paid as long as nothing is thrown, and nothing of the host is replaced.

#include <cstddef>
#include <utility>

namespace plait::wire {

struct ThrowTrace {
  static constexpr std::size_t max_frames = 64;

  const void* object = nullptr;  // the exception, while it lives
  std::size_t count = 0;
  const void* frames[max_frames] = {};  // innermost first; addresses inside the calls, not after them
};

// The last exception that left a call_traced of this thread.
ThrowTrace& last_throw() noexcept;

// Has a type_info of ours: the compiler expects it where key() is, which is nowhere.
struct ThrowProbe {
  virtual void key();

 protected:
  ~ThrowProbe() = default;
};

// Frames from `limit` outwards are left out.
class TraceLimit {
 public:
  explicit TraceLimit(const void* limit) noexcept;
  TraceLimit(const TraceLimit&) = delete;
  TraceLimit& operator=(const TraceLimit&) = delete;
  ~TraceLimit();

 private:
  const void* outer_;
};

// Calls f. An exception passes through, and its stack is in last_throw().
template <class F>
__attribute__((noinline)) void call_traced(F&& f) {
  const TraceLimit limit(__builtin_frame_address(0));
  try {
    std::forward<F>(f)();
  } catch (ThrowProbe&) {  // never taken
  } catch (...) {          // a handler here makes the search end here, so that it passes the probe once
    throw;
  }
}

}  // namespace plait::wire
