// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a child inherits of its maker's log.

namespace plait::detail {

struct LogSettings {
  int level = 0;
  bool to_stderr = false;
};
[[nodiscard]] LogSettings log_settings() noexcept;
void inherit_log_settings(const LogSettings& settings) noexcept;

}  // namespace plait::detail
