// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A stop_token as a descriptor that can be read once the stop has been requested.

#include <optional>
#include <stop_token>

#include "os/file_descriptor.hpp"

namespace plait::detail {

class StopEvent {
 public:
  // Costs nothing for a token that nobody can stop. Throws std::system_error (EMFILE).
  explicit StopEvent(const std::stop_token& token) {
    if (!token.stop_possible()) return;
    event_ = os::make_event();
    on_stop_.emplace(token, Raise{event_.get()});
  }

  // -1: will never be stopped.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  struct Raise {
    int event;
    void operator()() const noexcept { os::raise_event(event); }
  };
  os::FileDescriptor event_;
  std::optional<std::stop_callback<Raise>> on_stop_;
};

}  // namespace plait::detail
