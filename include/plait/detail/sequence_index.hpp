// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's rules for indices and slices: those below 0 count from the end, what a slice has outside is cut.

#include <algorithm>
#include <cstddef>

#include "plait/detail/export.hpp"

namespace plait::detail {

// Throws IndexError: "index 3 of KIND of 2".
[[noreturn]] PLAIT_EXPORT void throw_bad_index(std::ptrdiff_t index, std::size_t size, const char* kind);

// Where the element is. Throws IndexError: there is none.
inline std::size_t place_of(std::ptrdiff_t index, std::size_t size, const char* kind) {
  const auto count = static_cast<std::ptrdiff_t>(size);
  if (index < -count || index >= count) throw_bad_index(index, size, kind);
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

// The same of a place between elements, which may be that after the last one; what is outside comes to the nearer end.
inline std::size_t clamped_place(std::ptrdiff_t index, std::size_t size) noexcept {
  const auto count = static_cast<std::ptrdiff_t>(size);
  return static_cast<std::size_t>(std::clamp(index < 0 ? index + count : index, std::ptrdiff_t{0}, count));
}

struct Slice {
  std::size_t begin, size;
};
// The elements [from, to) of so many.
inline Slice slice_of(std::ptrdiff_t from, std::ptrdiff_t to, std::size_t size) noexcept {
  const std::size_t begin = clamped_place(from, size);
  return {begin, std::max(clamped_place(to, size), begin) - begin};
}

}  // namespace plait::detail
