// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The stack at the place where an exception was thrown, which is gone when a handler runs.
//
// Before it unwinds anything, the C++ runtime searches the stack for a handler: it asks the type_info of every catch
// clause whether it takes the exception. call_traced (call.cpp) has a clause for ThrowProbe, whose type_info
// (throw_trace.cpp) looks at the stack and says no. Nothing is paid as long as nothing is thrown, and nothing of the
// host is replaced.

#include <cstddef>

namespace plait::wire {

struct ThrowTrace {
  static constexpr std::size_t max_frames = 64;

  const void* object = nullptr;  // the exception, while it lives
  std::size_t count = 0;
  const void* frames[max_frames] = {};  // innermost first; addresses inside the calls, not after them
};

// The last exception that left a call_traced of this thread.
ThrowTrace& last_throw() noexcept;

// Frames from `limit` outwards are left out of the traces of this thread.
class TraceLimit {
 public:
  explicit TraceLimit(const void* limit) noexcept;
  TraceLimit(const TraceLimit&) = delete;
  TraceLimit& operator=(const TraceLimit&) = delete;
  ~TraceLimit();

 private:
  const void* outer_;
};

}  // namespace plait::wire
