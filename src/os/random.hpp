// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Bytes that nobody can guess.

#include <cstddef>
#include <span>

namespace plait::os {

// Fills it from the kernel's generator. Throws std::system_error (ENOSYS).
void fill_with_random(std::span<std::byte> bytes);

}  // namespace plait::os
