// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The buffers of the standard output, which fork copies: whose is what stands in them?

namespace plait::os {

// Writes what stdout and std::cout hold. Errors are ignored, also by a std::cout that was set to throw.
void flush_output() noexcept;

// In a forked child: what stdout holds is the parent's to write, and forgotten here.
void discard_output() noexcept;

}  // namespace plait::os
