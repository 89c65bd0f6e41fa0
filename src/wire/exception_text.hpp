// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// An exception in words, for those who report it instead of handling it.

#include <exception>
#include <string>

namespace plait::wire {

struct ExceptionText {
  std::string type;     // as it is written in the source
  std::string message;  // empty if it has none
  std::string trace;    // where it was thrown, if call_traced of this thread was the last to see it; else empty

  // "TYPE: MESSAGE" and the trace, each line ended.
  [[nodiscard]] std::string report() const;
};

ExceptionText exception_text(const std::exception_ptr& error);

}  // namespace plait::wire
