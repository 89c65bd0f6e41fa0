// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The buffers of the standard output, which fork copies: whose is what stands in them? And writing past them.

#include <string_view>

namespace plait::os {

// Writes what stdout and std::cout hold. Errors are ignored, also by a std::cout that was set to throw.
void flush_output() noexcept;

// In a forked child: what stdout holds is the parent's to write, and forgotten here.
void discard_output() noexcept;

// Writes all of it, by one call if the system lets it. Errors are ignored.
void write_text(int fd, std::string_view text) noexcept;

}  // namespace plait::os
