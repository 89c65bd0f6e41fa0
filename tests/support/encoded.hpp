// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a message says of a value, handles of shared objects included, which wire::dumps refuses.

#include <cstddef>
#include <vector>

#include "plait/wire.hpp"

namespace plait::tests {

template <class T>
std::vector<std::byte> encoded(const T& value) {
  std::vector<std::byte> bytes(wire::encoded_size(value));
  wire::encode(value, bytes);
  return bytes;
}

}  // namespace plait::tests
