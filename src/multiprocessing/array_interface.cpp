// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/array_interface.hpp"

#include <limits>
#include <string>

namespace plait::detail {

void throw_bad_index(std::ptrdiff_t index, std::size_t size, const char* kind) {
  throw IndexError("index " + std::to_string(index) + " of " + kind + " of " + std::to_string(size));
}

std::size_t checked_array_size(std::ptrdiff_t size, std::size_t element_size) {
  if (size < 0) throw ValueError("an array cannot have " + std::to_string(size) + " elements");
  const auto count = static_cast<std::size_t>(size);
  if (count > std::numeric_limits<std::size_t>::max() / 2 / element_size) {
    throw OutOfSharedMemory("no shared memory for an array of " + std::to_string(size) + " elements");
  }
  return count * element_size;
}

}  // namespace plait::detail
